import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { breathing, bytesOf, type WeightEntry, type WeightRecipe } from '@dual-encoder/core/backend'
import type { Int8Recipe } from '../int8/recipe'
import { DONE, FREE, type Job, making, TAKEN, type Work } from './node-jobs'
import { shareWork, threadsFor } from './node-threads'
import type { Range } from './weight-bytes'

/**
 * Makes weights of files of this machine on all cores, and writes them.
 * @param wanted what comes before this thread does its part
 * @returns where, by their names
 */
export async function writeMade(
  entries: readonly WeightEntry[],
  path: string,
  wanted: () => Promise<void>,
  threads?: number,
): Promise<Map<string, Range>> {
  const { jobs, ranges, size } = jobsFor(entries)
  const states = new Int32Array(new SharedArrayBuffer(4 * jobs.length))
  const work: Work = { jobs, states, path }
  closeSync(openSync(path, 'wx'))
  const others = await shareWork(work, threads ?? threadsFor(size))
  try {
    await wanted()
    await breathing(making(work))
  } finally {
    const isBusy = states.includes(TAKEN as number)
    // What is left, where this failed, nobody takes any more.
    for (const i of states.keys()) Atomics.compareExchange(states, i, FREE as number, TAKEN as number)
    if (isBusy) await others()
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
    const length = bytesOf(entry)
    job.to[index] = size
    ranges.set(entry.name, { offset: size, length })
    size += length
  }
  // Large ones first: at the end none has to wait long for another.
  const readBy = ({ of }: Job) => of.reduce((sum, { length }) => sum + length, 0)
  const jobs = [...byRecipe.values()].sort((a, b) => readBy(b) - readBy(a))
  return { jobs, ranges, size }
}

function placed({ location, storage, shape }: WeightEntry): Job['of'][number] {
  const { offset, length, local } = location as NonNullable<WeightEntry['location']>
  return { path: join(local?.folder ?? '', local?.name ?? ''), offset, length, storage, shape }
}
