import { type Tensor, tensor } from '@dual-encoder/core'
import {
  encode,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type RunOptions,
  type TextBatch,
  type TextInputs,
  type VisionBatch,
  type VisionInputs,
  type Weights,
} from '@dual-encoder/core/backend'
import type * as tf from '@tensorflow/tfjs-core'
import { DropoutMasks } from './dropout'
import type { Engine } from './engine'
import { toTf } from './primitives'
import type { KeptWeights } from './weights'

const REQUESTED = ['lastHiddenState', 'poolerOutput', 'features', 'embeds', 'hiddenStates', 'attentions'] as const
type Requested = Partial<Record<(typeof REQUESTED)[number], tf.Tensor | tf.Tensor[]>>

/** Host inputs as an encoder takes them. Within `tf.tidy`. */
export function encoderInputs(batch: VisionBatch | TextBatch): VisionInputs<tf.Tensor> | TextInputs<tf.Tensor> {
  if (!('pixelValues' in batch))
    return {
      inputIds: toTf(batch.inputIds),
      tokenTypeIds: toTf(batch.tokenTypeIds),
      positionIds: toTf(batch.positionIds),
      attentionMask: toTf(batch.attentionMask),
    }
  const [, , height = 0, width = 0] = batch.pixelValues.dims
  return { pixelValues: toTf(batch.pixelValues), imageSize: [height, width] }
}

/** Makes inputs where they are needed, in the turn that they are used. */
export type MakeInputs = () => VisionInputs<tf.Tensor>

/** Runs one encoder eagerly. Its weights are loaded by the first run and kept until `dispose`. */
export class TfjsRunner implements EncoderRunner {
  /** By the backend that holds them. */
  #weights?: { readonly backend: string; readonly loaded: Promise<KeptWeights> }
  readonly #running = new Set<Promise<unknown>>()

  constructor(
    private readonly encoder: EncoderSpec,
    private readonly weights: Weights,
    private readonly engine: Engine,
  ) {}

  async run(
    batch: VisionBatch | TextBatch | MakeInputs,
    request: EncodeRequest,
    options: RunOptions = {},
  ): Promise<Partial<EncoderOutput<Tensor>>> {
    const work = this.#run(batch, request, options)
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
    }
  }

  async #run(batch: VisionBatch | TextBatch | MakeInputs, request: EncodeRequest, { signal, dropoutSeed }: RunOptions) {
    const weights = await this.load()
    signal?.throwIfAborted()
    const compute = () => {
      const masks = dropoutSeed === undefined ? undefined : new DropoutMasks(dropoutSeed, this.encoder.kind)
      const inputs = typeof batch === 'function' ? batch() : encoderInputs(batch)
      const output = encode(this.engine.ops(weights, masks), this.encoder, inputs, request)
      return Object.fromEntries(REQUESTED.filter((name) => request[name]).map((name) => [name, output[name]]))
    }
    try {
      const host = await this.engine.run(compute as () => Requested, hostOutputs)
      signal?.throwIfAborted()
      return host
    } catch (error) {
      if (this.engine.spoilsWeights(error)) await this.#drop(weights)
      throw error
    }
  }

  /** The next run loads them anew. */
  async #drop(weights: KeptWeights): Promise<void> {
    if ((await this.#weights?.loaded.catch(() => undefined)) !== weights) return
    this.#weights = undefined
    weights.dispose()
  }

  /** Loads the weights unless they are where the engine runs. */
  async load(): Promise<KeptWeights> {
    const backend = await this.engine.start()
    if (this.#weights?.backend === backend) return this.#weights.loaded
    void this.#release()
    const loaded = this.engine.load(this.encoder, this.weights)
    this.#weights = { backend, loaded }
    loaded.catch(() => (this.#weights = undefined))
    return loaded
  }

  /** Loads again what was loaded where the engine no longer runs. */
  async reload(): Promise<void> {
    if (this.#weights) await this.load()
  }

  async #release(): Promise<void> {
    const weights = await this.#weights?.loaded.catch(() => undefined)
    weights?.dispose()
  }

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#running])
    await this.#release()
    this.#weights = undefined
  }
}

/** Copies: the engine's memory may be reused, and outputs may share it. */
export async function toHost(value: tf.Tensor): Promise<Tensor> {
  return tensor((await value.data<'float32'>()).slice(), value.shape)
}

async function hostOutputs(outputs: Requested): Promise<Partial<EncoderOutput<Tensor>>> {
  const read = async (value: tf.Tensor | tf.Tensor[]) =>
    Array.isArray(value) ? Promise.all(value.map(toHost)) : toHost(value)
  const entries = Object.entries(outputs).map(async ([name, value]) => [name, await read(value)] as const)
  return Object.fromEntries(await Promise.all(entries)) as Partial<EncoderOutput<Tensor>>
}
