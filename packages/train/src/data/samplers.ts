import { InputError, OptionError } from '@dual-encoder/core'
import { permutation } from '../random'

/** 'no-duplicates': no two samples of a batch share a picture, a caption or a group. */
export type SamplerName = 'shuffled' | 'sequential' | 'no-duplicates'
const NAMES: readonly SamplerName[] = ['shuffled', 'sequential', 'no-duplicates']

export interface SamplerOptions {
  readonly length: number
  readonly batchSize: number
  readonly seed: number
  readonly sampler?: SamplerName
  /** Pictures, captions and groups of a sample (`no-duplicates`). */
  readonly keysOf?: (index: number) => readonly (string | number)[]
}

export const tooFew = (samples: number, batchSize: number): InputError =>
  new InputError('too-few-samples', `${samples} samples make no batch of ${batchSize}. Make batchSize smaller.`)

export function checkSampler(name: SamplerName): void {
  if (!NAMES.includes(name))
    throw new OptionError('bad-sampler', `sampler: "${name}" is not known. Should be one of: ${NAMES.join(', ')}.`)
}

/**
 * The batches of an epoch, full ones alone: what is left over at the end is another part of the data in the next epoch.
 * The same for the same seed and epoch, so that a run resumes by their number.
 */
export function* batchesOf(options: SamplerOptions, epoch: number): Generator<Uint32Array> {
  const { length, batchSize, seed, sampler = 'shuffled', keysOf } = options
  checkSampler(sampler)
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new OptionError('bad-option', `batchSize is ${batchSize}; a positive integer is needed.`)
  if (length < batchSize) throw tooFew(length, batchSize)
  const order = sampler === 'sequential' ? Uint32Array.from({ length }, (_, i) => i) : permutation(length, seed, epoch)
  if (sampler === 'no-duplicates') {
    if (!keysOf) throw new OptionError('bad-sampler', 'no-duplicates needs data that can say its keys (`keysOf`).')
    return yield* apart(order, batchSize, keysOf)
  }
  for (let at = 0; at + batchSize <= length; at += batchSize) yield order.subarray(at, at + batchSize)
}

/** What would be in a batch twice waits for the next. */
function* apart(
  order: Uint32Array,
  batchSize: number,
  keysOf: (index: number) => readonly (string | number)[],
): Generator<Uint32Array> {
  let waiting: number[] = []
  let at = 0
  for (;;) {
    const batch: number[] = []
    const seen = new Set<string | number>()
    const kept: number[] = []
    const offer = (index: number) => {
      const keys = keysOf(index)
      if (keys.some((key) => seen.has(key))) return void kept.push(index)
      for (const key of keys) seen.add(key)
      batch.push(index)
    }
    for (const [i, index] of waiting.entries()) {
      if (batch.length === batchSize) {
        kept.push(...waiting.slice(i))
        break
      }
      offer(index)
    }
    while (batch.length < batchSize && at < order.length) offer(order[at++]!)
    if (batch.length < batchSize) return
    waiting = kept
    yield Uint32Array.from(batch)
  }
}
