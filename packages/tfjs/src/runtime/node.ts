import os from 'node:os'
import { BackendError, OptionError } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { allowThreads } from './node-threads'
import type { Runtime } from './runtime'

/**
 * Threads run the text of a function of TensorFlow.js, which bundlers rewrite: in a bundle there is one, unless more
 * are asked for.
 */
const defaultThreads = (): number =>
  /[\\/](@dual-encoder|packages)[\\/]tfjs[\\/]/.test(import.meta.url) ? os.availableParallelism() : 1

export const runtime: Runtime = {
  preferred: ['wasm'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    async wasm({ threads: asked }) {
      const threads = asked ?? defaultThreads()
      if (!Number.isInteger(threads) || threads < 1)
        throw new OptionError('bad-threads', `threads is ${threads}; a whole number from 1 on is needed.`)
      const { getThreadsCount, setThreadsCount } = await import('@tensorflow/tfjs-backend-wasm')
      if (threads === 1) return
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
      setThreadsCount(threads)
      const restore = allowThreads(threads)
      return () => {
        restore()
        if (asked !== undefined && getThreadsCount() !== asked)
          throw new BackendError('no-threads', `wasm started ${getThreadsCount()} threads of the ${asked} asked for.`)
      }
    },
  },
}
