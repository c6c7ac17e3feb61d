import type { InferenceSession, OnnxValue, Tensor as OrtTensor } from 'onnxruntime-common'
import type { Engine } from '../runtime/runtime'

/** A tensor as it crosses threads. */
export interface Plain {
  readonly dims: readonly number[]
  readonly dtype: string
  readonly data: Float32Array | BigInt64Array
}

export interface RunCall {
  readonly session: string
  /** Inputs by their names in the graph: what is stored under a key, or what is given. */
  readonly feeds: Readonly<Record<string, string | Plain>>
  /** Outputs that are stored; `inPlace` over what was read under that key. All others are returned. */
  readonly stores: Readonly<Record<string, { readonly key: string; readonly inPlace: boolean }>>
  readonly returns: readonly string[]
}

/** What a run asks of a store, on this thread or another. */
export interface Store {
  /** @returns names of the inputs that the engine wants */
  open(name: string, model: Uint8Array, settings: InferenceSession.SessionOptions): Promise<readonly string[]>
  put(values: Readonly<Record<string, Plain>>): void | Promise<void>
  zero(keys: readonly string[]): void | Promise<void>
  read(keys: readonly string[]): Record<string, Plain> | Promise<Record<string, Plain>>
  run(call: RunCall): Promise<Record<string, Plain>>
  dispose(): Promise<void>
}

/**
 * Sessions, and tensors that stay in the engine between runs: what a run stores, the next reads without a copy. Of what
 * is not written in place there are two buffers, which swap.
 */
export class TensorStore implements Store {
  readonly #sessions = new Map<string, InferenceSession>()
  readonly #values = new Map<string, OrtTensor>()
  readonly #spares = new Map<string, OrtTensor>()

  constructor(private readonly engine: Engine) {}

  async open(name: string, model: Uint8Array, settings: InferenceSession.SessionOptions): Promise<readonly string[]> {
    const session = await this.engine.create(model, settings)
    this.#sessions.set(name, session)
    return session.inputNames
  }

  #tensor({ dtype, data, dims }: Plain): OrtTensor {
    return new this.engine.Tensor(dtype as 'float32', data as Float32Array, dims)
  }

  put(values: Readonly<Record<string, Plain>>): void {
    for (const [key, value] of Object.entries(values)) this.#values.set(key, this.#tensor(value))
  }

  zero(keys: readonly string[]): void {
    for (const key of keys) (this.#values.get(key)?.data as Float32Array).fill(0)
  }

  read(keys: readonly string[]): Record<string, Plain> {
    return Object.fromEntries(keys.map((key) => [key, plain(this.#values.get(key) as OrtTensor)]))
  }

  async run({ session: name, feeds, stores, returns }: RunCall): Promise<Record<string, Plain>> {
    const session = this.#sessions.get(name) as InferenceSession
    const given = Object.entries(feeds).map(([input, value]) => [
      input,
      typeof value === 'string' ? this.#values.get(value) : this.#tensor(value),
    ])
    const fetches: Record<string, OnnxValue | null> = Object.fromEntries(returns.map((output) => [output, null]))
    for (const [output, { key, inPlace }] of Object.entries(stores))
      fetches[output] = (inPlace ? this.#values : this.#spares).get(key) ?? null
    const results = await session.run(Object.fromEntries(given) as InferenceSession.FeedsType, fetches)
    for (const [output, { key, inPlace }] of Object.entries(stores)) {
      const old = this.#values.get(key)
      if (!inPlace && old) this.#spares.set(key, old)
      this.#values.set(key, results[output] as OrtTensor)
    }
    return Object.fromEntries(returns.map((output) => [output, plain(results[output] as OrtTensor)]))
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await session.release()
    this.#sessions.clear()
    this.#values.clear()
    this.#spares.clear()
  }
}

/** A copy: the engine's memory is used again. */
const plain = ({ type, data, dims }: OrtTensor): Plain => ({
  dims,
  dtype: type,
  data: (data as Float32Array).slice(),
})
