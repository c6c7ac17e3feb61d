import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { decodeValues, type Pieces, type StorageType } from '@dual-encoder/core/backend'
import { type Int8Recipe, makeInt8 } from '../int8/recipe'
import { weightBytes } from './weight-bytes'

/** Weights that are made together, and where all of that lies: plain values, which any thread can be given. */
export interface Job {
  readonly of: readonly Stored[]
  readonly how: Int8Recipe
  /** Where what is made goes, by its index. */
  readonly to: readonly (number | undefined)[]
}

interface Stored {
  readonly path: string
  readonly offset: number
  readonly length: number
  readonly storage: StorageType
  readonly shape: readonly number[]
}

/** What several threads share: each takes the next job, and writes into the same file. */
export interface Work {
  readonly jobs: readonly Job[]
  /** Of each job, in memory that they share. */
  readonly states: Int32Array<SharedArrayBuffer>
  readonly path: string
}

export const [FREE, TAKEN, DONE] = [0, 1, 2]

/** Bytes of the largest element. */
const ALIGNED = 8

/** Does the jobs that nobody has taken, with a pause behind each. Files are read and written at once: threads wait for nothing else. */
export function* making({ jobs, states, path }: Work): Pieces<void> {
  const files = new Map<string, number>()
  const opened = (name: string, flags: string): number => {
    const file = files.get(name) ?? openSync(name, flags)
    files.set(name, file)
    return file
  }
  let room = new Uint8Array(0)
  const valuesOf = (stored: readonly Stored[]) => {
    const starts = [0]
    for (const { length } of stored) starts.push(Math.ceil(((starts.at(-1) as number) + length) / ALIGNED) * ALIGNED)
    const size = starts.pop() as number
    if (room.length < size) room = new Uint8Array(size)
    return stored.map(({ path: name, offset, length, storage, shape }, i) => {
      const bytes = room.subarray(starts[i], (starts[i] as number) + length)
      whole(length, (done) => readSync(opened(name, 'r'), bytes, done, length - done, offset + done))
      return decodeValues(bytes, storage, shape)
    })
  }
  try {
    for (const [i, { of, how, to }] of jobs.entries()) {
      if (Atomics.compareExchange(states, i, FREE as number, TAKEN as number) !== FREE) continue
      for (const [index, value] of makeInt8(how, valuesOf(of)).entries()) {
        const [bytes, at] = [weightBytes(value), to[index]]
        if (at === undefined) continue
        whole(bytes.length, (done) => writeSync(opened(path, 'r+'), bytes, done, bytes.length - done, at + done))
      }
      Atomics.store(states, i, DONE as number)
      yield
    }
  } finally {
    for (const file of files.values()) closeSync(file)
  }
}

/** @param go on from there, and say how far */
function whole(length: number, go: (done: number) => number): void {
  for (let done = 0; done < length;) {
    const count = go(done)
    if (count === 0) throw new Error('A file has become shorter.')
    done += count
  }
}
