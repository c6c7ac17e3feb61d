import type { InferenceSession } from 'onnxruntime-common'

/** What this backend's constructors take beside core's options. */
export interface OnnxOptions {
  /** Threads within an operator; ONNX Runtime's default is one for each core. */
  threads?: number
  /** In order of preference (`cpu`, `cuda`, `coreml` ...; in browsers `wasm`, `webgpu`). An absent one is an error. */
  executionProviders?: readonly string[]
  /** Do not repack weights for the processor: quicker to load, less memory; short texts take up to a third longer. */
  lowMemory?: boolean
  /** Passed on to ONNX Runtime. */
  sessionOptions?: InferenceSession.SessionOptions
}

export const ONNX_OPTIONS = [
  'threads',
  'executionProviders',
  'lowMemory',
  'sessionOptions',
] as const satisfies readonly (keyof OnnxOptions)[]
