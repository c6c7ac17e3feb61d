import type { InferenceSession, OnnxValue, Tensor as OrtTensor } from 'onnxruntime-common'
import type { Engine, Session } from './runtime'
import type { Plain, RunCall, SessionNames, Store } from './store'

/**
 * Sessions, and tensors that stay in the engine between runs: what a run stores, the next reads without a copy. Of what
 * is not written in place there are two buffers, which swap.
 */
export class TensorStore implements Store {
  readonly #sessions = new Map<string, Session>()
  readonly #values = new Map<string, OrtTensor>()
  readonly #spares = new Map<string, OrtTensor>()

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

  zero(keys: readonly string[]): Promise<void> {
    for (const key of keys) (this.#values.get(key)?.data as Float32Array).fill(0)
    return Promise.resolve()
  }

  read(keys: readonly string[]): Promise<Record<string, Plain>> {
    return Promise.resolve(Object.fromEntries(keys.map((key) => [key, plain(this.#values.get(key) as OrtTensor)])))
  }

  async run({ session: name, feeds, stores, returns }: RunCall): Promise<Record<string, Plain>> {
    const session = this.#sessions.get(name) as Session
    const given = Object.entries(feeds).map(([input, value]) => [
      input,
      typeof value === 'string' ? this.#values.get(value) : this.#tensor(value),
    ])
    const fetches: Record<string, OnnxValue | null> = Object.fromEntries(returns.map((output) => [output, null]))
    for (const [output, { key, inPlace }] of Object.entries(stores))
      fetches[output] = (this.writesOutputs && (inPlace ? this.#values : this.#spares).get(key)) || null
    const results = await session.run(Object.fromEntries(given) as InferenceSession.FeedsType, fetches)
    for (const [output, { key, inPlace }] of Object.entries(stores)) {
      const old = this.#values.get(key)
      if (this.writesOutputs && !inPlace && old) this.#spares.set(key, old)
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
