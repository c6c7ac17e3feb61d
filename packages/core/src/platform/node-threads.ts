import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Platform, Thread } from './platform'

export const turn: Platform['turn'] = () => new Promise((resolve) => setImmediate(resolve))

/** libvips has threads of its own beside these. */
export const threads = Math.min(availableParallelism(), 4)

export const startThread: Platform['startThread'] = ({ text, data }, onMessage, onEnd): Promise<Thread> => {
  // Flags of the process, such as loaders, are not meant for the script.
  const worker = new Worker(text, { eval: true, workerData: data, execArgv: [] })
  worker.on('message', onMessage)
  worker.on('error', onEnd)
  worker.on('exit', onEnd)
  // A listener is what the process waits for.
  worker.unref()
  return Promise.resolve({
    post: (message, transfer) => worker.postMessage(message, transfer),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
  })
}
