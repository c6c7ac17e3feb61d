import { type Tensor, tensor } from '@dual-encoder/core'
import {
  type Batch,
  encoderWeights,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderSpec,
  MemoMap,
  outputsByName,
  RunnerBase,
  type RunOptions,
  snakeCase,
  type Weights,
} from '@dual-encoder/core/backend'
import type { InferenceSession } from 'onnxruntime-common'
import { encoderGraph } from './graph/encoder-graph'
import type { OnnxOptions } from './options'
import type { Engine } from './runtime/runtime'
import { openSession, type OpenSession, runSession } from './session'

/** Sessions kept for one encoder: one for each image size and set of outputs. The oldest goes first. */
const MAX_SESSIONS = 8

/** Builds sessions on demand and runs them. */
export class OnnxRunner extends RunnerBase {
  readonly #sessions = new MemoMap<string, OpenSession>()
  /** Execution providers of the sessions; empty before the first run. */
  providers: readonly string[] = []

  constructor(
    private readonly encoder: EncoderSpec,
    private readonly weights: Weights,
    private readonly options: OnnxOptions,
  ) {
    super()
  }

  protected override async compute(batch: Batch, request: EncodeRequest, { signal }: RunOptions) {
    const opened = await this.#prepared(request, batch.imageSize)
    signal?.throwIfAborted()
    const results = await runSession(opened, feedsOf(batch, opened), signal)
    return outputsOf(results)
  }

  #prepared(request: EncodeRequest, imageSize: readonly [number, number] | undefined): Promise<OpenSession> {
    const wanted = Object.entries(request).filter(([, value]) => value)
    const key = JSON.stringify([wanted.map(([name]) => name).sort(), imageSize])
    const session = this.#sessions.get(key, () => this.#create(request, imageSize))
    for (const prepared of this.#sessions.dropBeyond(MAX_SESSIONS)) void this.#releaseWhenIdle(prepared)
    return session
  }

  async #releaseWhenIdle(prepared: Promise<OpenSession>): Promise<void> {
    await this.idle()
    await release(prepared)
  }

  async #create(request: EncodeRequest, imageSize: readonly [number, number] | undefined): Promise<OpenSession> {
    const { encoder, weights, options } = this
    const opened = await openSession(encoderWeights(encoder, weights), weights, options, (place, kernels) =>
      encoderGraph(encoder, request, place, { imageSize, kernels }),
    )
    this.providers = opened.providers
    return opened
  }

  protected override async release(): Promise<void> {
    await Promise.all(this.#sessions.clear().map(release))
  }
}

async function release(prepared: Promise<OpenSession>): Promise<void> {
  const made = await prepared.catch(() => undefined)
  await made?.session.release()
}

/** Feeds of what the graph reads: by the names in graphs. */
function feedsOf({ inputs }: Batch, { session, engine: { Tensor: OrtTensor } }: OpenSession) {
  const feeds = Object.entries(inputs).map(([name, { dtype, data, dims }]) => [
    snakeCase(name),
    new OrtTensor(dtype as 'float32', data as Float32Array, dims),
  ])
  return Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name as string))) as Record<
    string,
    InstanceType<Engine['Tensor']>
  >
}

/** Copies: the engine's memory may be reused. */
const outputsOf = (results: InferenceSession.OnnxValueMapType): Partial<EncoderOutput<Tensor>> =>
  outputsByName(
    new Map(
      Object.entries(results).map(([name, { data, dims }]) => [name, tensor((data as Float32Array).slice(), dims)]),
    ),
  )
