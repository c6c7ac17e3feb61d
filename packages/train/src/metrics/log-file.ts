import { openTarget } from '@dual-encoder/core/backend'
import type { TargetLike } from '@dual-encoder/core'

/**
 * A file that grows: what is added is held, and written with all before it when `flush` is called (targets replace
 * files whole, so that none is ever found half written). Logs of runs are small.
 */
export class LogFile {
  readonly #target: TargetLike
  readonly #name: string
  #parts: Uint8Array[]
  #flushed: number
  #writing: Promise<void> = Promise.resolve()

  /** @param before what the file holds already, from an earlier part of the run */
  constructor(target: TargetLike, name: string, before: Uint8Array = new Uint8Array()) {
    this.#target = target
    this.#name = name
    this.#parts = [before]
    this.#flushed = before.length > 0 ? 1 : 0
  }

  add(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  flush(): Promise<void> {
    // One after another, also where the one before failed.
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        if (this.#parts.length === this.#flushed) return
        const parts = [...this.#parts]
        await (await openTarget(this.#target)).write(this.#name, parts)
        this.#flushed = parts.length
      })
    return this.#writing
  }
}
