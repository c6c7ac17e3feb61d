import type { BatchingOptions } from '@dual-encoder/core'
import { checkBatching, OptionError } from '@dual-encoder/core/backend'
import type { Env, InferenceSession } from 'onnxruntime-common'

/** What this backend's constructors take beside core's options. */
export interface OnnxOptions {
  /**
   * Threads within an operator. By default one for each core in Node, one for every two in cross-origin isolated pages,
   * and one in other pages. A page's first model decides.
   */
  threads?: number
  /** Where a browser finds onnxruntime-web's files, where no bundler has placed them: their folder, or each one. */
  wasmPaths?: Env.WasmPrefixOrFilePaths
  /** In Node, computes on a thread of its own, so that the caller's goes on meanwhile; one thread for all models. */
  worker?: boolean
  /** In order of preference (`cpu`, `cuda`, `coreml` ...; in browsers `wasm`, `webgpu`). An absent one is an error. */
  executionProviders?: readonly string[]
  /**
   * What linear layers multiply by; float32 by default. `int8` loses least (docs/int8-measured.md says what), `int8-fast` is the
   * fastest. On the providers `cpu` and `wasm`.
   */
  dtype?: 'float32' | 'int8' | 'int8-fast'
  /**
   * Do not repack weights for the processor: quicker to load. An image alone takes 1.05 times as long, one short text up
   * to 1.8 times.
   */
  lowMemory?: boolean
  /** Calls that come at once are answered by one run. Each waits for others; without it every call is a run. */
  batching?: BatchingOptions
  /** Passed on to ONNX Runtime, but for what has an option here and for the weights. */
  sessionOptions?: Omit<InferenceSession.SessionOptions, 'executionProviders' | 'externalData'>
}

/** What sessions are made with. */
export interface EngineOptions extends OnnxOptions {
  /** A model's two towers often run one after the other. */
  readonly isOneOfTwo?: boolean
}

export const ONNX_OPTIONS = [
  'threads',
  'wasmPaths',
  'worker',
  'executionProviders',
  'dtype',
  'lowMemory',
  'batching',
  'sessionOptions',
] as const satisfies readonly (keyof OnnxOptions)[]

const DTYPES: readonly unknown[] = ['float32', 'int8', 'int8-fast']

/** @throws OptionError where ONNX Runtime would complain at the first call, or take something else than was meant. */
export function checkOnnxOptions({ threads, executionProviders, batching, sessionOptions, dtype }: OnnxOptions): void {
  checkBatching(batching)
  const refuse = (message: string) => {
    throw new OptionError('bad-option', message)
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0))
    refuse(`threads is ${JSON.stringify(threads)}; a whole number above 0 is needed.`)
  const names: unknown = executionProviders
  if (names !== undefined && !(Array.isArray(names) && names.length > 0 && names.every((n) => typeof n === 'string')))
    refuse(`executionProviders is ${JSON.stringify(names)}; a list of at least one name is needed, as ["cpu"].`)
  if (dtype !== undefined && !DTYPES.includes(dtype))
    refuse(`dtype is ${JSON.stringify(dtype)}. Should be one of: ${DTYPES.join(', ')}.`)
  const otherProvider = executionProviders?.find((name) => name !== 'cpu' && name !== 'wasm')
  if (dtype?.startsWith('int8') && otherProvider !== undefined)
    refuse(`dtype is "${dtype}", which the execution provider "${otherProvider}" does not have. Leave one of them out.`)
  if (sessionOptions === undefined) return
  if (typeof sessionOptions !== 'object' || sessionOptions === null)
    refuse(
      `sessionOptions is ${JSON.stringify(sessionOptions)}; an object of ONNX Runtime's session options is needed.`,
    )
  if ('executionProviders' in sessionOptions)
    refuse('sessionOptions.executionProviders: give the names as the option executionProviders, beside sessionOptions.')
  if ('externalData' in sessionOptions)
    refuse('sessionOptions.externalData: the weights are those of the checkpoint. Leave it out.')
  if (threads !== undefined && 'intraOpNumThreads' in sessionOptions)
    refuse('threads and sessionOptions.intraOpNumThreads say the same thing. Give one of them.')
}
