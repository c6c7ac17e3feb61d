import type { Env, InferenceSession } from 'onnxruntime-common'

/** What this backend's constructors take beside core's options. */
export interface OnnxOptions {
  /**
   * Threads within an operator. By default one for each core in Node, one for every two in cross-origin isolated pages,
   * and one in other pages. A page settles it with its first model.
   */
  threads?: number
  /** Where a browser finds onnxruntime-web's files, where no bundler has placed them: their folder, or each one. */
  wasmPaths?: Env.WasmPrefixOrFilePaths
  /** In order of preference (`cpu`, `cuda`, `coreml` ...; in browsers `wasm`, `webgpu`). An absent one is an error. */
  executionProviders?: readonly string[]
  /** Do not repack weights for the processor: quicker to load, less memory; short texts take up to a third longer. */
  lowMemory?: boolean
  /** Passed on to ONNX Runtime. */
  sessionOptions?: InferenceSession.SessionOptions
}

export const ONNX_OPTIONS = [
  'threads',
  'wasmPaths',
  'executionProviders',
  'lowMemory',
  'sessionOptions',
] as const satisfies readonly (keyof OnnxOptions)[]
