import { BackendError, DualEncoderError } from '@dual-encoder/core'
import type { WeightEntry, Weights } from '@dual-encoder/core/backend'
import { runtime } from '#runtime'
import type { InferenceSession } from 'onnxruntime-common'
import type { Kernels } from './graph/kernels'
import { type ModelProto, serialize } from './graph/proto'
import type { OnnxOptions } from './options'
import { placeParams } from './place-params'
import type { PlaceParam } from './primitives'
import type { Engine } from './runtime/runtime'

/** A graph made ready to run. */
export interface OpenSession {
  readonly session: InferenceSession
  readonly engine: Engine
  readonly providers: readonly string[]
}

/**
 * A session of the model that `write` makes.
 * @param entries the weights that it may read
 */
export async function openSession(
  entries: readonly WeightEntry[],
  weights: Weights,
  options: OnnxOptions,
  write: (place: PlaceParam, kernels: Kernels) => ModelProto,
): Promise<OpenSession> {
  const providers = options.executionProviders ?? runtime.defaultProviders
  const engine = await runtime.load(providers, options)
  const placed = await runtime.placeWeights(entries)
  try {
    const model = write(placeParams(weights, placed.place), kernelsOf(providers))
    const settings = sessionOptions(options, providers, placed.sessionOptions)
    const session = await runtime.inTurn(() => engine.create(serialize(model), settings))
    return { session, engine, providers }
  } catch (cause) {
    if (cause instanceof DualEncoderError) throw cause
    const message = `ONNX Runtime made no session on ${providers.join(', ')}: ${(cause as Error).message}`
    throw new BackendError('session-failed', message, { cause })
  } finally {
    await placed.release()
  }
}

/** @throws BackendError where the engine fails */
export async function runSession(
  { session }: OpenSession,
  feeds: InferenceSession.OnnxValueMapType,
  signal?: AbortSignal,
): Promise<InferenceSession.OnnxValueMapType> {
  signal?.throwIfAborted()
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
  return results
}

function kernelsOf(providers: readonly string[]): Kernels {
  if (providers.includes('webgpu')) return 'webgpu'
  const [only, ...others] = new Set(providers)
  return others.length === 0 && (only === 'cpu' || only === 'wasm') ? only : 'contributed'
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
