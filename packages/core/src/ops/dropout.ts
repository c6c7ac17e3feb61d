import { scramble } from '../base/random'
import { sizeOf } from '../base/tensor'

/** Whose dropout: each encoder draws by itself. */
export type DropoutOf = 'vision' | 'text'

const STEP = 0x9e3779b9

/**
 * The factors of one dropout of a training step, `dims` of 0 (at `rate`) and 1 / (1 - rate): the same on every backend.
 * @param index counts the dropouts of an encoder from 1 on
 * @param firstRow of the batch that these rows begin with: what is dropped does not depend on how a batch is cut
 * @param tokens of how many the one along the last axis but one is the first: it is dropped as if all were there
 */
export function dropoutFactors(
  { seed, of, index, firstRow = 0 }: { seed: number; of: DropoutOf; index: number; firstRow?: number },
  dims: readonly number[],
  rate: number,
  tokens = 1,
): Float32Array {
  const data = new Float32Array(sizeOf(dims))
  const stream = scramble(scramble(seed) ^ (of === 'vision' ? 1 : 0) ^ Math.imul(index, STEP))
  const limit = rate * 0x100000000
  const kept = rate < 1 ? 1 / (1 - rate) : 0
  const size = dims.at(-1) ?? 1
  let at = firstRow * sizeOf(dims.slice(1)) * tokens
  for (let start = 0; start < data.length; start += size, at += tokens * size)
    for (let i = 0; i < size; i++) if (scramble(stream + Math.imul(at + i, STEP)) >= limit) data[start + i] = kept
  return data
}

/** The seed of a step's dropout, of a run's seed. */
export const stepSeed = (seed: number, step: number): number => scramble(seed ^ Math.imul(step, STEP))
