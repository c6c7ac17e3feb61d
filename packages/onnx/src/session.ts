import { BackendError, breathing, DualEncoderError, type WeightEntry, type Weights } from '@dual-encoder/core/backend'
import { runtime } from '#runtime'
import type { InferenceSession } from 'onnxruntime-common'
import type { Demand } from './demand'
import type { Kernels } from './graph/kernels'
import { type ModelProto, serializing } from './graph/proto'
import type { EngineOptions } from './options'
import { paramData } from './param-data'
import type { ParamData } from './primitives'
import type { Engine, Session } from './runtime/runtime'

/** A graph made ready to run. */
export interface OpenSession {
  readonly session: Session
  readonly engine: Engine
  readonly providers: readonly string[]
}

/** What an engine needs for a session; `release` once it has it. */
export interface SessionParts {
  readonly engine: Engine
  readonly providers: readonly string[]
  readonly model: Uint8Array
  readonly settings: InferenceSession.SessionOptions
  release(): Promise<void>
}

/**
 * The model that `write` makes, beside its weights.
 * @param entries the weights that it may read
 * @param demand before which other threads alone work on it; without it there is some
 */
export async function sessionParts(
  entries: readonly WeightEntry[],
  weights: Weights,
  options: EngineOptions,
  write: (dataOf: ParamData, kernels: Kernels) => ModelProto | Promise<ModelProto>,
  demand?: Demand,
): Promise<SessionParts> {
  const providers = options.executionProviders ?? runtime.defaultProviders
  const engine = await runtime.load(providers, options)
  const stored = await runtime.storeWeights(entries, demand?.asked)
  try {
    // Where nothing was left to other threads.
    await demand?.asked()
    const model = await write(paramData(weights, stored.dataOf), kernelsOf(providers))
    const settings = sessionOptions(options, providers, stored.sessionOptions, model)
    return { engine, providers, model: await breathing(serializing(model)), settings, release: () => stored.release() }
  } catch (error) {
    await stored.release()
    throw error
  }
}

/** @throws BackendError where the engine takes no such model */
export async function openSession(...given: Parameters<typeof sessionParts>): Promise<OpenSession> {
  const { engine, providers, model, settings, release } = await sessionParts(...given)
  try {
    const session = await runtime.inTurn(() => engine.create(model, settings))
    return { session, engine, providers }
  } catch (cause) {
    throw sessionFailed(providers, cause)
  } finally {
    await release()
  }
}

export function sessionFailed(providers: readonly string[], cause: unknown): Error {
  if (cause instanceof DualEncoderError) return cause
  const message = `ONNX Runtime made no session on ${providers.join(', ')}: ${(cause as Error).message}`
  return new BackendError('session-failed', message, { cause })
}

/** @throws BackendError where the engine fails */
export async function runSession(
  { session }: OpenSession,
  feeds: InferenceSession.OnnxValueMapType,
  { signal, fetches = session.outputNames }: { signal?: AbortSignal; fetches?: readonly string[] } = {},
): Promise<InferenceSession.OnnxValueMapType> {
  signal?.throwIfAborted()
  const results = await runtime
    .inTurn(() => {
      signal?.throwIfAborted()
      return session.run(feeds, fetches)
    })
    .catch((cause: unknown) => {
      signal?.throwIfAborted()
      throw new BackendError('engine-failed', `ONNX Runtime failed: ${(cause as Error).message}`, { cause })
    })
  signal?.throwIfAborted()
  return results
}

/** The operators of the graphs that run with these options. */
export const kernelsFor = ({ executionProviders = runtime.defaultProviders }: EngineOptions): Kernels =>
  kernelsOf(executionProviders)

function kernelsOf(providers: readonly string[]): Kernels {
  if (providers.includes('webgpu')) return 'webgpu'
  const [only, ...others] = new Set(providers)
  return others.length === 0 && (only === 'cpu' || only === 'wasm') ? only : 'contributed'
}

/** Beyond cutting patches: other layouts, which take time to look for, are of use to such a graph alone. */
const convolves = ({ nodes }: ModelProto['graph']): boolean => nodes.filter(({ op }) => op === 'Conv').length > 1

/** Graphs in int8 are written as they are to run: what ONNX Runtime would look for in them takes time, and gains none. */
function sessionOptions(
  { threads, lowMemory, dtype, sessionOptions = {}, isOneOfTwo }: EngineOptions,
  executionProviders: readonly string[],
  weights: InferenceSession.SessionOptions,
  { graph }: ModelProto,
): InferenceSession.SessionOptions {
  const extra = (options: InferenceSession.SessionOptions) => options.extra as { session?: object } | undefined
  const onCpu = kernelsOf(executionProviders) === 'cpu'
  return {
    // Its complaints go to stderr; what matters comes as an exception.
    logSeverityLevel: 3,
    ...(onCpu && !convolves(graph)
      ? { graphOptimizationLevel: dtype?.startsWith('int8') ? 'disabled' : 'extended' }
      : {}),
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...sessionOptions,
    ...weights,
    executionProviders,
    extra: {
      ...extra(sessionOptions),
      session: {
        // One tower's threads that go on looking for work after a run would take the processor from the other's.
        ...(onCpu && isOneOfTwo ? { force_spinning_stop: '1' } : {}),
        ...extra(sessionOptions)?.session,
        ...extra(weights)?.session,
        ...(lowMemory ? { disable_prepacking: '1' } : {}),
      },
    },
  }
}
