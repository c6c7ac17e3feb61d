// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./raw.d.ts" />
import engine from '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js?raw'

/** How the text of the engine's function begins that TensorFlow.js makes a script of, for its threads. */
const BEGINNING = 'var WasmBackendModuleThreadedSimd = '

/**
 * Until the function returned is called, blobs that would hold that text hold the file which the function is from:
 * once a bundler has minified it, it names a variable outside of it, and no longer stands alone.
 */
export function giveEngineScript(): () => void {
  const { Blob } = globalThis
  const isScript = (parts: unknown) => Array.isArray(parts) && String(parts[0]).startsWith(BEGINNING)
  globalThis.Blob = new Proxy(Blob, {
    construct: (stock, [parts, options]: ConstructorParameters<typeof Blob>) =>
      new stock(isScript(parts) ? [engine] : parts, options),
  })
  return () => {
    globalThis.Blob = Blob
  }
}
