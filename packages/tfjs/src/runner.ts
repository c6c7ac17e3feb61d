import type { Tensor } from '@dual-encoder/core'
import {
  type Batch,
  encode,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderSpec,
  namedOutputs,
  outputsByName,
  RunnerBase,
  type RunOptions,
  tensor,
  type Weights,
} from '@dual-encoder/core/backend'
import type * as tf from '@tensorflow/tfjs-core'
import { DropoutMasks } from './dropout'
import type { Engine } from './engine'
import { toTf } from './primitives'
import type { KeptWeights } from './weights'

/** A batch with each of its tensors changed. */
export const changed = <A, B>(
  { inputs, entering, kept, pooled, ...rest }: Batch<A>,
  change: (x: A) => B,
): Batch<B> => ({
  ...rest,
  inputs: Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, change(x)])),
  ...(entering && { entering: { at: entering.at, hidden: change(entering.hidden) } }),
  ...(kept && { kept: change(kept) }),
  ...(pooled && { pooled: change(pooled) }),
})

/** Host inputs as tensors. Within `tf.tidy`. */
export const onDevice = (batch: Batch): Batch<tf.Tensor> => changed(batch, toTf)

/** Makes inputs where they are needed, in the turn that they are used. */
export type MakeInputs = () => Batch<tf.Tensor>

/** Runs one encoder eagerly. Its weights are loaded by the first run and kept until `dispose`. */
export class TfjsRunner extends RunnerBase<MakeInputs> {
  /** By the backend that holds them. */
  #weights?: { readonly backend: string; readonly loaded: Promise<KeptWeights> }

  constructor(
    private readonly encoder: EncoderSpec,
    private readonly weights: Weights,
    private readonly engine: Engine,
  ) {
    super()
  }

  protected override async compute(
    batch: Batch | MakeInputs,
    request: EncodeRequest,
    { signal, dropoutSeed }: RunOptions,
  ): Promise<Partial<EncoderOutput<Tensor>>> {
    const weights = await this.load()
    signal?.throwIfAborted()
    const compute = () => {
      const masks = dropoutSeed === undefined ? undefined : new DropoutMasks(dropoutSeed, this.encoder.kind)
      const inputs = typeof batch === 'function' ? batch() : onDevice(batch)
      const output = encode(this.engine.ops(weights, masks), this.encoder, inputs, request)
      return Object.fromEntries(namedOutputs(output, request)) as Record<string, tf.Tensor>
    }
    try {
      const host = await this.engine.run(compute, hostOutputs)
      signal?.throwIfAborted()
      return host
    } catch (error) {
      if (this.engine.spoilsWeights(error)) await this.#drop(weights)
      throw error
    }
  }

  /** The next run loads them anew. */
  async #drop(weights: KeptWeights): Promise<void> {
    const kept = this.#weights
    // Another load may have begun while this one was awaited.
    if ((await kept?.loaded.catch(() => undefined)) !== weights || this.#weights !== kept) return
    this.#weights = undefined
    weights.dispose()
  }

  /** Loads the weights unless they are where the engine runs. */
  async load(): Promise<KeptWeights> {
    const backend = await this.engine.start()
    if (this.#weights?.backend === backend) return this.#weights.loaded
    void this.#dispose()
    const weights = { backend, loaded: this.engine.load(this.encoder, this.weights) }
    this.#weights = weights
    // A late failure of an old load leaves the new one alone.
    weights.loaded.catch(() => {
      if (this.#weights === weights) this.#weights = undefined
    })
    return weights.loaded
  }

  /** Loads again what was loaded where the engine no longer runs. */
  async reload(): Promise<void> {
    if (this.#weights) await this.load()
  }

  async #dispose(): Promise<void> {
    const weights = await this.#weights?.loaded.catch(() => undefined)
    weights?.dispose()
  }

  protected override async release(): Promise<void> {
    await this.#dispose()
    this.#weights = undefined
  }
}

/** Copies: the engine's memory may be reused, and outputs may share it. */
export async function toHost(value: tf.Tensor): Promise<Tensor> {
  return tensor((await value.data<'float32'>()).slice(), value.shape)
}

async function hostOutputs(outputs: Readonly<Record<string, tf.Tensor>>): Promise<Partial<EncoderOutput<Tensor>>> {
  const entries = Object.entries(outputs).map(async ([name, value]) => [name, await toHost(value)] as const)
  return outputsByName(new Map(await Promise.all(entries)))
}
