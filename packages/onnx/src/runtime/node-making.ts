// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./script.d.ts" />
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { breathing, sizeOf, type WeightEntry, type WeightRecipe } from '@dual-encoder/core/backend'
import type { Int8Recipe } from '../int8/recipe'
import { DONE, FREE, type Job, making, TAKEN, type Work } from './node-jobs'
import { bytesEach, type Range } from './weight-bytes'

/** Bytes from which on further threads are worth their start, which takes each 30 ms. */
const LARGE = 2 ** 24
/** Threads beside this one. */
const threadsFor = (bytes: number): number => (bytes < LARGE ? 0 : Math.min(availableParallelism() - 1, 3))

/** Makes weights of files of this machine on all cores, and writes them. @returns where, by their names */
export async function writeMade(
  entries: readonly WeightEntry[],
  path: string,
  threads?: number,
): Promise<Map<string, Range>> {
  const { jobs, ranges, size } = jobsFor(entries)
  const states = new Int32Array(new SharedArrayBuffer(4 * jobs.length))
  const work: Work = { jobs, states, path }
  closeSync(openSync(path, 'wx'))
  const workers = await startWorkers(work, threads ?? threadsFor(size))
  try {
    await breathing(making(work))
    if (states.includes(TAKEN as number)) await Promise.all(workers.map(({ ended }) => ended))
  } finally {
    for (const { worker } of workers) void worker.terminate()
  }
  // Of threads that could not do what they had taken.
  for (const [i, state] of states.entries()) if (state !== DONE) states[i] = FREE as number
  await breathing(making(work))
  return ranges
}

function jobsFor(entries: readonly WeightEntry[]) {
  const byRecipe = new Map<WeightRecipe, Job & { readonly to: (number | undefined)[] }>()
  const ranges = new Map<string, Range>()
  let size = 0
  for (const entry of entries) {
    const { by, index } = entry.made as NonNullable<WeightEntry['made']>
    const job = byRecipe.get(by) ?? { of: by.of.map(placed), how: by.how as Int8Recipe, to: [] }
    byRecipe.set(by, job)
    const length = bytesEach(entry) * sizeOf(entry.shape)
    job.to[index] = size
    ranges.set(entry.name, { offset: size, length })
    size += length
  }
  return { jobs: [...byRecipe.values()], ranges, size }
}

function placed({ location, storage, shape }: WeightEntry): Job['of'][number] {
  const { offset, length, local } = location as NonNullable<WeightEntry['location']>
  return { path: join(local?.folder ?? '', local?.name ?? ''), offset, length, storage, shape }
}

async function startWorkers(work: Work, count: number) {
  if (count === 0) return []
  const { default: text } = await import('./node-jobs-worker?script')
  return Array.from({ length: count }, () => {
    // Flags of the process, such as loaders, are not meant for the script.
    const worker = new Worker(text, { eval: true, workerData: work, execArgv: [] })
    // What it could not do is done here.
    worker.on('error', () => undefined)
    return { worker, ended: once(worker, 'exit') }
  })
}
