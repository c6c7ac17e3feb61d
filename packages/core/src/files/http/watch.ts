/** Ends a request when its caller leaves, or when nothing has come for a while. */
export class Watch {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #timeout: number
  #timer: ReturnType<typeof setTimeout> | undefined
  stalled = false
  #ended: ((reason: unknown) => void) | undefined

  constructor(signal: AbortSignal | undefined, timeout: number) {
    this.#outer = signal
    this.#timeout = timeout
    this.signal.addEventListener('abort', () => this.#ended?.(this.signal.reason))
    if (signal?.aborted) this.#controller.abort(signal.reason)
    signal?.addEventListener('abort', this.#leave)
    this.progress()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  readonly #leave = () => this.#controller.abort(this.#outer?.reason)

  /** What `read` answers, or the end of the request: Node's fetch does not always end a body that is aborted between two reads. */
  async before<T>(read: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted()
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#ended = reject
        read().then(resolve, reject)
      })
    } finally {
      this.#ended = undefined
    }
  }

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
