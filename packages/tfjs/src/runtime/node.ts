import type { Runtime } from './runtime'

export const runtime: Runtime = {
  preferred: ['wasm'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    async wasm() {
      await import('@tensorflow/tfjs-backend-wasm')
    },
  },
}
