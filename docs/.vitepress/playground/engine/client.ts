import { toRaw } from 'vue'
import type { Call, Calls, Reply, Request, Told } from './protocol.ts'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  told?(value: unknown): void
}

/** An error of the engine, with where this site explains it. */
export class EngineError extends Error {
  constructor(
    message: string,
    /** The heading about it, on this site. */
    readonly docs?: string,
  ) {
    super(message)
  }
}

/** The engine in its worker: the page stays responsive whatever it does. */
export class Engine {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  constructor() {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.id)
      if ('told' in data) return waiting?.told?.(data.told)
      this.#waiting.delete(data.id)
      if ('error' in data) waiting?.reject(new EngineError(data.error.message, data.error.docs))
      else waiting?.resolve(data.result)
    }
    this.#worker.onerror = ({ message }) => {
      const error = new EngineError(message || 'The engine did not start.')
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
  }

  call<C extends Call>(call: C, ...args: Parameters<Calls[C]>): Promise<ReturnType<Calls[C]>> {
    return this.#send(call, args) as Promise<ReturnType<Calls[C]>>
  }

  /** A call that tells how far it is. */
  follow<C extends Call & keyof Told>(
    call: C,
    told: (value: Told[C]) => void,
    ...args: Parameters<Calls[C]>
  ): Promise<ReturnType<Calls[C]>> {
    return this.#send(call, args, told as (value: unknown) => void) as Promise<ReturnType<Calls[C]>>
  }

  #send(call: Call, args: readonly unknown[], told?: (value: unknown) => void): Promise<unknown> {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, told })
      this.#worker.postMessage({ id, call, args: args.map((arg) => toRaw(arg)) } satisfies Request)
    })
  }

  end(): void {
    this.#worker.terminate()
  }
}
