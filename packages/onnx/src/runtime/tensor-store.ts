import type { InferenceSession, OnnxValue, Tensor as OrtTensor } from 'onnxruntime-common'
import { breathe, sizeOf } from '@dual-encoder/core/backend'
import { dropoutFactors } from '@dual-encoder/core/training'
import { UNREAD } from '../graph/outputs'
import type { Engine, Session } from './runtime'
import type { Drawn, Kept, Plain, RunCall, SessionNames, Store } from './store'

/** What onnxruntime-node says once all is computed and written, and before it copies any of it (`withUnread`). */
const REFUSAL = /^Non tensor type/

/**
 * Sessions, and tensors that stay in the engine between runs: what a run stores, the next reads without a copy. Of what
 * is not written in place there are two buffers, which swap.
 */
export class TensorStore implements Store {
  readonly #sessions = new Map<string, Session>()
  readonly #values = new Map<string, OrtTensor>()
  readonly #spares = new Map<string, OrtTensor>()
  /** Memory that factors of a dropout are drawn into, by input: the system hands over what is new page by page. */
  readonly #factors = new Map<string, Float32Array>()

  /** @param writesOutputs whether the engine writes into outputs that it is given: onnxruntime-web leaves them as they are */
  constructor(
    private readonly engine: Engine,
    private readonly writesOutputs = true,
  ) {}

  async open(name: string, model: Uint8Array, settings: InferenceSession.SessionOptions): Promise<SessionNames> {
    const session = await this.engine.create(model, settings)
    this.#sessions.set(name, session)
    return { inputs: session.inputNames, outputs: session.outputNames }
  }

  async close(name: string): Promise<void> {
    const session = this.#sessions.get(name)
    this.#sessions.delete(name)
    await session?.release()
  }

  #tensor({ dtype, data, dims }: Plain): OrtTensor {
    return new this.engine.Tensor(dtype as 'float32', data as Float32Array, dims)
  }

  put(values: Readonly<Record<string, Plain>>): Promise<void> {
    for (const [key, value] of Object.entries(values)) this.#values.set(key, this.#tensor(value))
    return Promise.resolve()
  }

  zero(sizes: Readonly<Record<string, readonly number[]>>): Promise<void> {
    for (const [key, dims] of Object.entries(sizes)) {
      const known = this.#values.get(key)
      if (known) (known.data as Float32Array).fill(0)
      else this.#values.set(key, this.#tensor({ dtype: 'float32', dims, data: new Float32Array(sizeOf(dims)) }))
    }
    return Promise.resolve()
  }

  read(keys: readonly string[]): Promise<Record<string, Plain>> {
    return Promise.resolve(Object.fromEntries(keys.map((key) => [key, plain(this.#values.get(key) as OrtTensor)])))
  }

  async run({ session: name, feeds, stores, returns }: RunCall): Promise<Record<string, Plain>> {
    const session = this.#sessions.get(name) as Session
    const given: Record<string, OrtTensor> = {}
    for (const [input, value] of Object.entries(feeds)) {
      if ('dropout' in value) await breathe()
      given[input] = this.#fed(input, value)
    }
    const outputs = Object.entries(stores)
    const isUnread = this.writesOutputs && session.outputNames.includes(UNREAD)
    const fetches: Record<string, OnnxValue | null> = isUnread ? { [UNREAD]: null } : {}
    for (const [output, dims] of Object.entries(returns))
      fetches[output] =
        isUnread && dims ? this.#tensor({ dtype: 'float32', dims, data: new Float32Array(sizeOf(dims)) }) : null
    for (const [output, kept] of outputs)
      fetches[output] = this.writesOutputs
        ? this.#rows(kept.inPlace ? (this.#values.get(kept.key) as OrtTensor) : this.#spare(kept.key), kept)
        : null
    const results = await session.run(given, fetches).catch((error: unknown) => {
      if (isUnread && REFUSAL.test((error as Error).message)) return fetches as Record<string, OnnxValue>
      throw error
    })
    if (this.writesOutputs) this.#swap(new Set(outputs.flatMap(([, { key, inPlace }]) => (inPlace ? [] : [key]))))
    else for (const [output, kept] of outputs) this.#take(results[output] as OrtTensor, kept)
    return Object.fromEntries(Object.keys(returns).map((output) => [output, plain(results[output] as OrtTensor)]))
  }

  #fed(input: string, value: Kept | Plain | Drawn): OrtTensor {
    if ('key' in value) return this.#rows(this.#values.get(value.key) as OrtTensor, value)
    return this.#tensor('dropout' in value ? this.#drawn(input, value) : value)
  }

  #drawn(input: string, { dropout, dims, rate, tokens }: Drawn): Plain {
    const size = sizeOf(dims)
    const known = this.#factors.get(input)
    const memory = known && known.length >= size ? known : new Float32Array(size)
    this.#factors.set(input, memory)
    return { dims, dtype: 'float32', data: dropoutFactors(dropout, dims, rate, tokens, memory.subarray(0, size)) }
  }

  /** Those rows where they lie. */
  #rows(x: OrtTensor, { rows }: Kept): OrtTensor {
    if (!rows) return x
    const [, ...others] = x.dims
    const [start, end] = rows.map((row) => row * sizeOf(others)) as [number, number]
    const data = (x.data as Float32Array).subarray(start, end)
    return this.#tensor({ dtype: x.type, data, dims: [rows[1] - rows[0], ...others] })
  }

  /** As large as what is stored under the key, for what follows it. */
  #spare(key: string): OrtTensor {
    const { type, dims, data } = this.#values.get(key) as OrtTensor
    const spare = this.#spares.get(key) ?? this.#tensor({ dtype: type, dims, data: new Float32Array(data.length) })
    this.#spares.set(key, spare)
    return spare
  }

  #swap(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      const [value, spare] = [this.#values.get(key), this.#spares.get(key)] as [OrtTensor, OrtTensor]
      this.#values.set(key, spare)
      this.#spares.set(key, value)
    }
  }

  #take(result: OrtTensor, kept: Kept): void {
    if (!kept.rows) this.#values.set(kept.key, result)
    else
      (this.#rows(this.#values.get(kept.key) as OrtTensor, kept).data as Float32Array).set(result.data as Float32Array)
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release()
    this.#sessions.clear()
    this.#values.clear()
    this.#spares.clear()
    this.#factors.clear()
  }
}

/** A copy: the engine's memory is used again. */
const plain = ({ type, data, dims }: OrtTensor): Plain => ({
  dims,
  dtype: type,
  data: (data as Float32Array).slice(),
})
