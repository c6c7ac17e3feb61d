// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { BackendError, breathingFirst, copying } from '@dual-encoder/core/backend'
import type { Plain, RunCall, Store, StoreAnswer, StoreCall, StoreRequest } from './store'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** From where this package finds its engine; a bundle may have no URL. */
export const here = createRequire(import.meta.url ?? join(process.cwd(), '_'))

/** Bytes from which on an input is copied into memory that was lent before: what is new, the system first hands over page by page. */
const LARGE = 2 ** 20

const buffersOf = (values: readonly Plain[]): ArrayBuffer[] => values.map(({ data }) => data.buffer as ArrayBuffer)

/** A store on a thread of its own: onnxruntime-node blocks the one that calls it. */
class ThreadStore implements Store {
  readonly #waiting = new Map<number, Waiting>()
  #count = 0
  /** What came back last. */
  #spares: ArrayBuffer[] = []
  #ended: BackendError | undefined

  constructor(
    private readonly worker: Worker,
    onEnd?: () => void,
  ) {
    worker.on('message', ({ id, ...answer }: StoreAnswer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) worker.unref()
      if (answer.lent.length > 0) this.#spares = answer.lent
      if ('error' in answer) waiting?.reject(new Error(answer.error))
      else waiting?.resolve(answer.value)
    })
    const end = (cause?: unknown) => {
      this.#ended ??= new BackendError('engine-failed', 'The thread of the engine ended by itself.', { cause })
      for (const { reject } of this.#waiting.values()) reject(this.#ended)
      this.#waiting.clear()
      onEnd?.()
    }
    worker.on('error', end)
    worker.on('exit', () => end())
    // Node waits for it while a call runs, and not otherwise.
    worker.unref()
  }

  #ask(
    call: StoreCall,
    args: readonly unknown[],
    transfer: ArrayBuffer[] = [],
    lent: ArrayBuffer[] = [],
  ): Promise<never> {
    if (this.#ended) return Promise.reject(this.#ended)
    const id = this.#count++
    this.worker.ref()
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.worker.postMessage({ id, call, args, lent } satisfies StoreRequest, [...transfer, ...lent])
    }) as Promise<never>
  }

  open(...args: Parameters<Store['open']>): ReturnType<Store['open']> {
    return this.#ask('open', args, [args[1].buffer as ArrayBuffer])
  }
  close(...args: Parameters<Store['close']>): ReturnType<Store['close']> {
    return this.#ask('close', args)
  }
  put(...args: Parameters<Store['put']>): ReturnType<Store['put']> {
    return this.#ask('put', args, buffersOf(Object.values(args[0])))
  }
  zero(...args: Parameters<Store['zero']>): ReturnType<Store['zero']> {
    return this.#ask('zero', args)
  }
  read(...args: Parameters<Store['read']>): ReturnType<Store['read']> {
    return this.#ask('read', args)
  }
  async run(call: RunCall): ReturnType<Store['run']> {
    const { feeds } = call
    const given = { ...feeds }
    const lent: ArrayBuffer[] = []
    for (const [name, feed] of Object.entries(feeds)) {
      if (!('data' in feed && feed.data instanceof Float32Array && feed.data.byteLength >= LARGE)) continue
      const spare = this.#lend(feed.data.length)
      given[name] = { ...feed, data: await breathingFirst(copying(spare, feed.data)) }
      lent.push(spare.buffer)
    }
    return this.#ask('run', [{ ...call, feeds: given }], [], lent)
  }
  #lend(values: number): Float32Array<ArrayBuffer> {
    const at = this.#spares.findIndex(({ byteLength }) => byteLength === 4 * values)
    return at < 0 ? new Float32Array(values) : new Float32Array(this.#spares.splice(at, 1)[0] as ArrayBuffer)
  }
  async dispose(): Promise<void> {
    await this.worker.terminate()
  }
}

/** @param onEnd called when the thread ends, by itself or not */
export async function openThreadStore(onEnd?: () => void): Promise<Store> {
  const { default: text } = await import('./node-store-worker?script')
  const engine = here.resolve('onnxruntime-node')
  // Flags of the process, such as loaders, are not meant for the script.
  return new ThreadStore(new Worker(text, { eval: true, workerData: engine, execArgv: [] }), onEnd)
}
