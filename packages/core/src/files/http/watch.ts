/** Ends a request when its caller leaves, or when nothing has come for a while. */
export class Watch {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #timeout: number
  #timer: ReturnType<typeof setTimeout> | undefined
  stalled = false

  constructor(signal: AbortSignal | undefined, timeout: number) {
    this.#outer = signal
    this.#timeout = timeout
    if (signal?.aborted) this.#controller.abort(signal.reason)
    signal?.addEventListener('abort', this.#leave)
    this.progress()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  readonly #leave = () => this.#controller.abort(this.#outer?.reason)

  /** Something has come: the clock starts again. */
  progress(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.stalled = true
      this.#controller.abort(new Error(`nothing came for ${this.#timeout} ms`))
    }, this.#timeout)
  }

  /** What is being done takes time that is not the server's. */
  pause(): void {
    clearTimeout(this.#timer)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#leave)
  }
}
