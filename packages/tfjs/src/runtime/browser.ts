import { OptionError } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import type { TfjsOptions } from '../options'
import { PINNED } from '../wasm/heap'
import { checkThreads, type Loaded, type Runtime, threadsFor } from './runtime'

const FLAG = 'WASM_HAS_MULTITHREAD_SUPPORT'

async function loadWasm({ wasmPaths, threads: asked }: TfjsOptions): Promise<Loaded | void> {
  const { getThreadsCount, setThreadsCount, setWasmPaths, version_wasm } = await import('@tensorflow/tfjs-backend-wasm')
  if (wasmPaths !== undefined) setWasmPaths(wasmPaths)
  const allowed = version_wasm === PINNED && (await tf.env().getAsync(FLAG))
  const threads = threadsFor(asked, allowed ? navigator.hardwareConcurrency : 1)
  if (threads === 1) {
    tf.env().set(FLAG, false)
    return
  }
  if (!allowed)
    throw new OptionError(
      'no-threads',
      `threads: ${threads}: wasm runs on one thread in this page. More of them need version ${PINNED} of TensorFlow.js ` +
        'and a cross-origin isolated page: serve it with the headers Cross-Origin-Opener-Policy: same-origin and ' +
        'Cross-Origin-Embedder-Policy: require-corp.',
    )
  const { allowThreads } = await import('./browser-threads')
  setThreadsCount(threads)
  return { restore: allowThreads(threads), started: () => checkThreads(asked, getThreadsCount()), endsIdle: true }
}

export const runtime: Runtime = {
  preferred: ['webgl', 'wasm', 'cpu'],
  load: {
    async cpu() {
      await import('@tensorflow/tfjs-backend-cpu')
    },
    wasm: loadWasm,
    async webgl() {
      await import('@tensorflow/tfjs-backend-webgl')
    },
  },
}
