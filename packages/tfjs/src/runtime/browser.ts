import { OptionError } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import type { Runtime } from './runtime'

export const runtime: Runtime = {
  preferred: ['webgl', 'wasm', 'cpu'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    async wasm({ wasmPaths, threads = 1 }) {
      if (threads !== 1)
        throw new OptionError('no-threads', `threads: ${threads}: wasm runs on one thread in browsers.`)
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
      if (wasmPaths !== undefined) setWasmPaths(wasmPaths)
      // In cross-origin isolated pages TensorFlow.js would start threads from the text of a function that no
      // longer stands alone once a bundler has minified it: they never come up, and loading never ends.
      const flag = 'WASM_HAS_MULTITHREAD_SUPPORT'
      if (!(flag in tf.env().getFlags())) tf.env().set(flag, false)
    },
    async webgl() {
      await import('@tensorflow/tfjs-backend-webgl')
    },
  },
}
