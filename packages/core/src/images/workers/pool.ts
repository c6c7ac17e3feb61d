import { decoder } from '#decoder'
import { platform } from '#platform'

import type { Thread } from '../../platform/platform'
import type { Task } from '../processors/prepare'
import type { Planes } from './job'
import { READY, unpackError, type Answer } from './messages'

interface Waiting {
  readonly resolve: (planes: Planes | undefined) => void
  readonly reject: (error: unknown) => void
}

interface Worker {
  readonly thread: Thread
  readonly jobs: Map<number, Waiting>
}

/** Longest wait for workers that neither start nor fail. */
const PATIENCE = 5000

const ready: Worker[] = []
let starting: Promise<unknown> | undefined
let waited: Promise<void> | undefined
let lastId = 0
/** Files that came before there were workers. */
let filesHere = 0

/** Starts the workers, once. Where they cannot start, there are none. */
function startWorkers(): Promise<unknown> {
  return (starting ??= Promise.allSettled(Array.from({ length: platform.threads }, startWorker)))
}

function startWorker(): Promise<void> {
  const jobs = new Map<number, Waiting>()
  let worker: Worker | undefined
  return new Promise((resolve, reject) => {
    const onEnd = () => {
      if (worker && ready.includes(worker)) ready.splice(ready.indexOf(worker), 1)
      for (const job of jobs.values()) job.resolve(undefined)
      jobs.clear()
      reject(new Error('A worker has ended.'))
    }
    const onMessage = (message: unknown) => {
      if (message !== READY) return settle(worker!, message as Answer)
      ready.push(worker!)
      resolve()
    }
    decoder
      .workerScript()
      .then((script) => platform.startThread(script, onMessage, onEnd))
      .then((thread) => (worker = { thread, jobs }), onEnd)
  })
}

function settle({ thread, jobs }: Worker, answer: Answer): void {
  const job = jobs.get(answer.id)
  jobs.delete(answer.id)
  if (jobs.size === 0) thread.hold(false)
  if ('planes' in answer) job?.resolve(answer.planes)
  else job?.reject(unpackError(answer.error))
}

/**
 * Resolves when there are workers, or it is clear that there are none. Those that neither start nor fail are waited for
 * once, however many calls there are; where they start later, later calls have them.
 */
export function workersStarted(): Promise<void> {
  return (waited ??= firstOf(startWorkers(), PATIENCE))
}

async function firstOf(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))
  await Promise.race([promise, patience])
  clearTimeout(timer)
}

/**
 * Prepares a file's picture on the worker with the fewest jobs.
 * @returns undefined where no worker is ready (the second such call starts them), or where it ended before its answer
 */
export async function runOnWorker(bytes: Uint8Array, task: Task): Promise<Planes | undefined> {
  if (decoder.staysHere(bytes)) return undefined
  const worker = ready.reduce<Worker | undefined>(
    (best, other) => (best && best.jobs.size <= other.jobs.size ? best : other),
    undefined,
  )
  if (!worker) {
    // One picture is done before they would have started.
    if (filesHere++ > 0) void startWorkers()
    return undefined
  }
  const id = lastId++
  // A copy, so that it can be done here if the worker ends; of the bytes alone, however large their buffer is.
  const copy = new Uint8Array(bytes)
  const answer = new Promise<Planes | undefined>((resolve, reject) => worker.jobs.set(id, { resolve, reject }))
  worker.thread.hold(true)
  worker.thread.post({ id, bytes: copy, task }, [copy.buffer])
  return answer
}
