import { OptionError } from '@dual-encoder/core/backend'

/** A backend of TensorFlow.js that this package starts itself. */
export type TfBackend = 'cpu' | 'wasm' | 'webgl'
export const BACKENDS: readonly TfBackend[] = ['cpu', 'wasm', 'webgl']

/** What this backend's constructors take beside core's options. */
export interface TfjsOptions {
  /**
   * The backend of TensorFlow.js. By default the one that the program has started (`tf.setBackend`), else
   * wasm in Node and the first of webgl, wasm and cpu that works in a browser.
   */
  backend?: TfBackend
  /** Where a browser finds the `tfjs-backend-wasm*.wasm` files: their folder, or the place of each. */
  wasmPaths?: string | Readonly<Record<string, string>>
  /**
   * wasm: how many threads compute, 8 at most. By default one for each processor in Node and in cross-origin isolated
   * pages, and one in other pages. Decided by whichever model starts wasm.
   */
  threads?: number
  /** What is computed in. Checkpoints of any other type are read as this. */
  dtype?: 'float32'
}

export const TFJS_OPTIONS = [
  'backend',
  'wasmPaths',
  'threads',
  'dtype',
] as const satisfies readonly (keyof TfjsOptions)[]

/** @throws OptionError for a type that others compute in */
export function checkTfjsOptions({ dtype }: TfjsOptions): void {
  if (dtype === undefined || dtype === 'float32') return
  throw new OptionError(
    'bad-dtype',
    `dtype is ${JSON.stringify(dtype)}, and TensorFlow.js computes in float32. Leave it out: int8 and float16 checkpoints ` +
      'are read all the same. @dual-encoder/onnx computes in int8, @dual-encoder/webgpu in float16.',
  )
}
