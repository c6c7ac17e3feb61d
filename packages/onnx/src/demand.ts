/**
 * Of work that others begin before anybody asks for it, on threads of their own: this thread does its part when it is asked
 * for.
 */
export class Demand {
  #ask!: () => void
  #refuse!: (cause: Error) => void
  #begin!: () => void
  #isAsked = false
  readonly #asked = new Promise<void>((resolve, reject) => ([this.#ask, this.#refuse] = [resolve, reject]))
  /** Settles when the work waits. */
  readonly begun = new Promise<void>((resolve) => (this.#begin = resolve))

  constructor() {
    // Whoever waits hears of it.
    this.#asked.catch(() => undefined)
  }

  /**
   * Called by the work once all is begun that other threads can do.
   * @returns what to wait for; undefined where it has been asked for. It rejects where nobody will ask any more.
   */
  readonly asked = (): Promise<void> | undefined => {
    this.#begin()
    return this.#isAsked ? undefined : this.#asked
  }

  ask(): void {
    this.#isAsked = true
    this.#ask()
  }

  /** Nobody will who has not yet. */
  withdraw(): void {
    this.#refuse(new Error('What was begun is not wanted any more.'))
  }
}
