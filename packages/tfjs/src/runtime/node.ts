import os from 'node:os'
import * as tf from '@tensorflow/tfjs-core'
import { PINNED } from '../wasm/heap'
import { allowThreads } from './node-threads'
import { type Runtime, checkThreads, threadsFor } from './runtime'

/** In Node the cpu backend prints an advertisement with its first tensor, unless TensorFlow.js is being tested. */
function greetQuietly(): void {
  const env = tf.env()
  const before = env.getBool('IS_TEST')
  env.set('IS_TEST', true)
  tf.scalar(0).dispose()
  env.set('IS_TEST', before)
}

export const runtime: Runtime = {
  preferred: ['wasm'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
      return { restore() {}, started: greetQuietly }
    },
    async wasm({ threads: asked }) {
      const { getThreadsCount, setThreadsCount, version_wasm } = await import('@tensorflow/tfjs-backend-wasm')
      const threads = threadsFor(asked, version_wasm === PINNED ? os.availableParallelism() : 1)
      if (threads === 1) return
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
      setThreadsCount(threads)
      return { restore: allowThreads(threads), started: () => checkThreads(asked, getThreadsCount()) }
    },
  },
}
