import os from 'node:os'
import * as tf from '@tensorflow/tfjs-core'
import { PINNED } from '../wasm/heap'
import { allowThreads } from './node-threads'
import { settleThreads, type Runtime, threadsFor } from './runtime'

export const runtime: Runtime = {
  preferred: ['wasm'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    async wasm({ threads: asked }) {
      const { getThreadsCount, setThreadsCount, version_wasm } = await import('@tensorflow/tfjs-backend-wasm')
      const threads = threadsFor(asked, version_wasm === PINNED ? os.availableParallelism() : 1)
      if (threads === 1) return
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true)
      setThreadsCount(threads)
      return { restore: allowThreads(threads), settle: () => settleThreads(asked, getThreadsCount()) }
    },
  },
}
