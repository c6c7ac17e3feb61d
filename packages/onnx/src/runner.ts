import { BackendError, DualEncoderError, type Tensor, tensor } from '@dual-encoder/core'
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
import { runtime } from '#runtime'
import type { InferenceSession } from 'onnxruntime-common'
import { encoderGraph } from './graph/encoder-graph'
import { serialize } from './graph/proto'
import type { Kernels } from './graph/kernels'
import type { OnnxOptions } from './options'
import { placeParams } from './place-params'
import type { Engine } from './runtime/runtime'

interface Prepared {
  readonly session: InferenceSession
  readonly engine: Engine
}

/** Sessions kept for one encoder: one for each image size and set of outputs. The oldest goes first. */
const MAX_SESSIONS = 8

/** Builds sessions on demand and runs them. */
export class OnnxRunner extends RunnerBase {
  readonly #sessions = new MemoMap<string, Prepared>()
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
    const { session, engine } = await this.#prepared(request, batch.imageSize)
    signal?.throwIfAborted()
    const feeds = feedsOf(batch, session, engine)
    const results = await runtime
      .inTurn(() => {
        signal?.throwIfAborted()
        return session.run(feeds)
      })
      .catch((cause: unknown) => {
        signal?.throwIfAborted()
        throw new BackendError('engine-failed', `ONNX Runtime failed: ${(cause as Error).message}`, { cause })
      })
    signal?.throwIfAborted()
    return outputsOf(results)
  }

  #prepared(request: EncodeRequest, imageSize: readonly [number, number] | undefined): Promise<Prepared> {
    const wanted = Object.entries(request).filter(([, value]) => value)
    const key = JSON.stringify([wanted.map(([name]) => name).sort(), imageSize])
    const session = this.#sessions.get(key, () => this.#create(request, imageSize))
    for (const prepared of this.#sessions.dropBeyond(MAX_SESSIONS)) void this.#releaseWhenIdle(prepared)
    return session
  }

  async #releaseWhenIdle(prepared: Promise<Prepared>): Promise<void> {
    await this.idle()
    await release(prepared)
  }

  async #create(request: EncodeRequest, imageSize: readonly [number, number] | undefined): Promise<Prepared> {
    const { encoder, weights, options } = this
    const providers = options.executionProviders ?? runtime.defaultProviders
    const engine = await runtime.load(providers, options)
    const placed = await runtime.placeWeights(encoderWeights(encoder, weights))
    try {
      const model = encoderGraph(encoder, request, placeParams(weights, placed.place), {
        imageSize,
        kernels: kernelsOf(providers),
      })
      const settings = sessionOptions(options, providers, placed.sessionOptions)
      const session = await runtime.inTurn(() => engine.create(serialize(model), settings))
      this.providers = providers
      return { session, engine }
    } catch (cause) {
      if (cause instanceof DualEncoderError) throw cause
      const message = `ONNX Runtime made no session on ${providers.join(', ')}: ${(cause as Error).message}`
      throw new BackendError('session-failed', message, { cause })
    } finally {
      await placed.release()
    }
  }

  protected override async release(): Promise<void> {
    await Promise.all(this.#sessions.clear().map(release))
  }
}

function kernelsOf(providers: readonly string[]): Kernels {
  if (providers.includes('webgpu')) return 'webgpu'
  const [only, ...others] = new Set(providers)
  return others.length === 0 && (only === 'cpu' || only === 'wasm') ? only : 'contributed'
}

async function release(prepared: Promise<Prepared>): Promise<void> {
  const made = await prepared.catch(() => undefined)
  await made?.session.release()
}

function sessionOptions(
  { threads, lowMemory, sessionOptions = {} }: OnnxOptions,
  executionProviders: readonly string[],
  weights: InferenceSession.SessionOptions,
): InferenceSession.SessionOptions {
  const extra = (options: InferenceSession.SessionOptions) => options.extra as { session?: object } | undefined
  return {
    // Its complaints go to stderr; what matters comes as an exception.
    logSeverityLevel: 3,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...sessionOptions,
    ...weights,
    executionProviders,
    extra: {
      ...extra(sessionOptions),
      session: {
        ...extra(sessionOptions)?.session,
        ...extra(weights)?.session,
        ...(lowMemory ? { disable_prepacking: '1' } : {}),
      },
    },
  }
}

/** Feeds of what the graph reads: by the names in graphs. */
function feedsOf({ inputs }: Batch, session: InferenceSession, { Tensor: OrtTensor }: Engine) {
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
