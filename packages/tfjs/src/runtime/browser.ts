import type { Runtime } from './runtime'

export const runtime: Runtime = {
  preferred: ['webgl', 'wasm', 'cpu'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    async wasm({ wasmPaths }) {
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
      if (wasmPaths !== undefined) setWasmPaths(wasmPaths)
    },
    async webgl() {
      await import('@tensorflow/tfjs-backend-webgl')
    },
  },
}
