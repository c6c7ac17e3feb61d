/** A promise that is kept, and forgotten where it fails, so that the next call tries again. */
export class Memo<T> {
  #promise?: Promise<T>

  /** What is kept, or else what `make` begins. */
  get(make: () => Promise<T>): Promise<T> {
    if (this.#promise) return this.#promise
    const promise = make()
    this.#promise = promise
    // A late failure of one that was forgotten meanwhile leaves its successor alone.
    promise.catch(() => {
      if (this.#promise === promise) this.#promise = undefined
    })
    return promise
  }

  /** What is kept now; undefined where nothing is. */
  get current(): Promise<T> | undefined {
    return this.#promise
  }

  forget(): void {
    this.#promise = undefined
  }
}

/** As `Memo`, one promise for each key. The keys are in the order of their last use, oldest first. */
export class MemoMap<K, T> {
  readonly #promises = new Map<K, Promise<T>>()

  get(key: K, make: () => Promise<T>): Promise<T> {
    const promise = this.#promises.get(key) ?? make()
    const isNew = !this.#promises.has(key)
    this.#promises.delete(key)
    this.#promises.set(key, promise)
    if (isNew)
      promise.catch(() => {
        if (this.#promises.get(key) === promise) this.#promises.delete(key)
      })
    return promise
  }

  /** What is kept of a key, which is used by that; undefined where nothing is. */
  kept(key: K): Promise<T> | undefined {
    const promise = this.#promises.get(key)
    return promise && this.get(key, () => promise)
  }

  /** Those that are kept, the last used first. */
  newest(): Promise<T>[] {
    return [...this.#promises.values()].reverse()
  }

  /** Takes out what is beyond `most`, the least recently used first; what is needed stays. */
  dropBeyond(most: number, isNeeded: (key: K) => boolean = () => false): Promise<T>[] {
    const dropped: Promise<T>[] = []
    for (const [key, promise] of this.#promises) {
      if (this.#promises.size <= most) break
      if (isNeeded(key)) continue
      this.#promises.delete(key)
      dropped.push(promise)
    }
    return dropped
  }

  /** Takes out everything. */
  clear(): Promise<T>[] {
    return this.dropBeyond(0)
  }
}
