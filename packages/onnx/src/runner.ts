import { BackendError, DualEncoderError, type Tensor, tensor } from '@dual-encoder/core'
import {
  encoderWeights,
  type EncodeRequest,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type TextBatch,
  type VisionBatch,
  type Weights,
} from '@dual-encoder/core/backend'
import { runtime } from '#runtime'
import type { InferenceSession } from 'onnxruntime-common'
import { encoderGraph, TEXT_INPUTS } from './graph/encoder-graph'
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
export class OnnxRunner implements EncoderRunner {
  readonly #sessions = new Map<string, Promise<Prepared>>()
  /** Runs under way, which `dispose` waits for. */
  readonly #running = new Set<Promise<unknown>>()
  /** Execution providers of the sessions; empty before the first run. */
  providers: readonly string[] = []

  constructor(
    private readonly encoder: EncoderSpec,
    private readonly weights: Weights,
    private readonly options: OnnxOptions,
  ) {}

  async run(
    batch: VisionBatch | TextBatch,
    request: EncodeRequest,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Partial<EncoderOutput<Tensor>>> {
    const work = this.#run(batch, request, signal)
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
    }
  }

  async #run(batch: VisionBatch | TextBatch, request: EncodeRequest, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    const { session, engine } = await this.#prepared(request, imageSizeOf(batch))
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
    const known = this.#sessions.get(key)
    const session = known ?? this.#create(request, imageSize)
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    if (!known) {
      session.catch(() => this.#sessions.delete(key))
      for (const [old, prepared] of this.#sessions) {
        if (this.#sessions.size <= MAX_SESSIONS) break
        this.#sessions.delete(old)
        void this.#releaseWhenIdle(prepared)
      }
    }
    return session
  }

  async #releaseWhenIdle(prepared: Promise<Prepared>): Promise<void> {
    await Promise.allSettled([...this.#running])
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

  async dispose(): Promise<void> {
    await Promise.allSettled([...this.#running])
    const sessions = [...this.#sessions.values()]
    this.#sessions.clear()
    await Promise.all(sessions.map(release))
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

const imageSizeOf = (batch: VisionBatch | TextBatch): readonly [number, number] | undefined =>
  'pixelValues' in batch ? [batch.pixelValues.dims[2] ?? 0, batch.pixelValues.dims[3] ?? 0] : undefined

function feedsOf(batch: VisionBatch | TextBatch, session: InferenceSession, { Tensor: OrtTensor }: Engine) {
  const named: Record<string, Tensor> =
    'pixelValues' in batch
      ? { pixel_values: batch.pixelValues }
      : Object.fromEntries(Object.entries(TEXT_INPUTS).map(([key, name]) => [name, batch[key as keyof TextBatch]]))
  return Object.fromEntries(
    session.inputNames.map((name) => {
      const { dtype, data, dims } = named[name] as Tensor<'float32'>
      return [name, new OrtTensor(dtype, data, dims)]
    }),
  )
}

/** Copies: the engine's memory may be reused. */
function outputsOf(results: InferenceSession.OnnxValueMapType): Partial<EncoderOutput<Tensor>> {
  const named = new Map(
    Object.entries(results).map(([name, { data, dims }]) => [name, tensor((data as Float32Array).slice(), dims)]),
  )
  const list = (prefix: string) =>
    [...named]
      .filter(([name]) => name.startsWith(`${prefix}.`))
      .map(([name, value]) => [Number(name.split('.')[1]), value] as const)
      .sort(([a], [b]) => a - b)
      .map(([, value]) => value)
  const [hiddenStates, attentions] = [list('hidden_states'), list('attentions')]
  const single = {
    features: named.get('features'),
    embeds: named.get('embeds'),
    poolerOutput: named.get('pooler_output'),
    lastHiddenState: named.get('last_hidden_state'),
  }
  return {
    ...single,
    ...(hiddenStates.length > 0 ? { hiddenStates } : {}),
    ...(attentions.length > 0 ? { attentions } : {}),
  }
}
