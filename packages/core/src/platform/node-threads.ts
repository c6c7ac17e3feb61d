// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { loadSharp } from './decode/node'
import type { Platform, Thread } from './platform'

/** libvips has threads of its own beside these. */
export const threads = Math.min(availableParallelism(), 4)

export const startThread: Platform['startThread'] = async (onMessage, onEnd): Promise<Thread> => {
  // On glibc a library that a worker loads first is gone when that worker ends.
  await loadSharp()
  const { default: script } = await import('./node-worker?script')
  const sharp = pathToFileURL(createRequire(import.meta.url ?? join(process.cwd(), '_')).resolve('sharp')).href
  // Flags of the process, such as loaders, are not meant for the script.
  const worker = new Worker(script, { eval: true, workerData: sharp, execArgv: [] })
  worker.on('message', onMessage)
  worker.on('error', onEnd)
  worker.on('exit', onEnd)
  // A listener is what the process waits for.
  worker.unref()
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
  }
}
