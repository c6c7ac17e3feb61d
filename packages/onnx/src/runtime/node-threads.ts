// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Work } from './node-jobs'

/** Threads beside this one, and milliseconds that they wait for their first work. */
const [MOST, PATIENCE] = [3, 1000]
/** Bytes from which on further threads are worth their start, which takes each 30 ms. */
const LARGE = 2 ** 24

interface Thread {
  readonly worker: Worker
  /** Those who wait for the end of what it was given, in turn. */
  readonly waiting: (() => void)[]
}

/** One set for all models. */
let threads: Thread[] = []
let ending: NodeJS.Timeout | undefined

/** How many are of use for so many bytes. */
export const threadsFor = (bytes: number): number => (bytes < LARGE ? 0 : Math.min(availableParallelism() - 1, MOST))

function begin(script: string): Thread {
  // Flags of the process, such as loaders, are not meant for the script.
  const worker = new Worker(script, { eval: true, execArgv: [] })
  const thread: Thread = { worker, waiting: [] }
  worker.on('message', () => {
    thread.waiting.shift()?.()
    endIdle()
  })
  // What it could not do is done by whoever waits.
  worker.on('error', () => undefined)
  worker.on('exit', () => {
    threads = threads.filter((other) => other !== thread)
    for (const go of thread.waiting.splice(0)) go()
  })
  worker.unref()
  return thread
}

/** Ends them where none has anything to do: each takes ten MB and more, which the engine needs next. */
function endIdle(): void {
  if (threads.some(({ waiting }) => waiting.length > 0)) return
  for (const { worker } of threads.splice(0)) void worker.terminate()
}

/** Starts so many, so that they are there when there is work. */
export async function startThreads(count: number): Promise<void> {
  if (count <= 0) return
  const { default: script } = await import('./node-jobs-worker?script')
  while (threads.length < count) threads.push(begin(script))
  clearTimeout(ending)
  ending = setTimeout(endIdle, PATIENCE).unref()
}

/** Has `count` threads do what nobody has taken of the work. @returns what waits until they have left off */
export async function shareWork(work: Work, count: number): Promise<() => Promise<void>> {
  await startThreads(count)
  const ended = threads.slice(0, count).map(
    ({ worker, waiting }) =>
      new Promise<void>((resolve) => {
        worker.ref()
        waiting.push(() => {
          if (waiting.length === 0) worker.unref()
          resolve()
        })
        worker.postMessage(work)
      }),
  )
  return async () => void (await Promise.all(ended))
}
