import {
  BackendError,
  DualEncoderError,
  encode,
  encoderWeights,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type RunOptions,
  type Tensor,
  tensor,
  type TextBatch,
  type TextInputs,
  type VisionBatch,
  type VisionInputs,
  type Weights,
} from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { makeCurrent } from './backend'
import { DropoutMasks } from './dropout'
import { TfjsOps, toTf } from './ops'
import { KeptWeights, loadTensors } from './weights'

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

/** Runs one encoder eagerly. Its weights are loaded by the first run and kept until `dispose`. */
export class TfjsRunner implements EncoderRunner {
  #weights?: Promise<KeptWeights>
  readonly #running = new Set<Promise<unknown>>()

  /** @param backend starts the backend, the same for every call, and says which it is */
  constructor(
    private readonly encoder: EncoderSpec,
    private readonly weights: Weights,
    private readonly backend: () => Promise<string>,
    private readonly lowMemory = false,
  ) {}

  async run(
    batch: VisionBatch | TextBatch,
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

  async #run(batch: VisionBatch | TextBatch, request: EncodeRequest, { signal, dropoutSeed }: RunOptions) {
    const backend = await this.backend()
    const weights = await this.#loaded(backend)
    signal?.throwIfAborted()
    makeCurrent(backend)
    const masks = dropoutSeed === undefined ? undefined : new DropoutMasks(dropoutSeed, this.encoder.kind)
    const outputs = computing(() =>
      tf.tidy(() => {
        const output = encode(new TfjsOps(weights, masks), this.encoder, encoderInputs(batch), request)
        return Object.fromEntries(REQUESTED.filter((name) => request[name]).map((name) => [name, output[name]]))
      }),
    ) as Requested
    try {
      const host = await hostOutputs(outputs)
      signal?.throwIfAborted()
      return host
    } finally {
      tf.dispose(outputs as tf.TensorContainerObject)
    }
  }

  #loaded(backend: string): Promise<KeptWeights> {
    const load = async () => {
      const entries = encoderWeights(this.encoder, this.weights)
      return new KeptWeights(await loadTensors(entries, () => makeCurrent(backend)), !this.lowMemory)
    }
    const loaded = (this.#weights ??= load())
    loaded.catch(() => (this.#weights = undefined))
    return loaded
  }

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#running])
    const weights = await this.#weights?.catch(() => undefined)
    this.#weights = undefined
    weights?.dispose()
  }
}

/** What the engine throws, as ours. */
export function computing<T>(compute: () => T): T {
  try {
    return compute()
  } catch (cause) {
    if (cause instanceof DualEncoderError) throw cause
    if (cause instanceof WebAssembly.RuntimeError && cause.message.includes('out of bounds'))
      throw new BackendError(
        'out-of-memory',
        'TensorFlow.js ran out of the 4 GiB that WebAssembly can address. Give smaller batches, or dispose of models.',
        { cause },
      )
    throw new BackendError('engine-failed', `TensorFlow.js failed: ${(cause as Error).message}`, { cause })
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
