import { OptionError } from '@dual-encoder/core'
import { mix, permutation, Random } from '../random'
import { type BadSample, isBad, type Sample, type StreamedData } from './sample'

/** A part of a data set that is read from its begin on. */
export interface Shard {
  readonly name: string
  read(): AsyncIterable<Sample | BadSample>
}

export interface ShuffleOptions {
  /** Samples among which the next is drawn; their pictures are held in memory, encoded. 1 keeps the order. Default: 1000. */
  shuffleBuffer?: number
}

/**
 * Shards in an order of seed and epoch, their samples through a buffer out of which they are drawn. A shard that breaks
 * off is answered with its error, and the next begins.
 */
export function shardedData(shards: readonly Shard[], { shuffleBuffer = 1000 }: ShuffleOptions): StreamedData {
  if (!Number.isInteger(shuffleBuffer) || shuffleBuffer < 1)
    throw new OptionError('bad-option', `shuffleBuffer is ${shuffleBuffer}; a positive integer is needed.`)
  return {
    async *stream(seed, epoch) {
      const order =
        shuffleBuffer > 1 ? permutation(shards.length, seed, epoch, 1) : Uint32Array.from(shards, (_, i) => i)
      const random = new Random(mix(seed, epoch, 2))
      const buffer: Sample[] = []
      for await (const sample of inTurn(shards, order)) {
        if (isBad(sample)) yield sample
        else if (buffer.length < shuffleBuffer - 1) buffer.push(sample)
        else yield swapped(buffer, sample, random)
      }
      while (buffer.length > 0) {
        const last = buffer.pop()!
        yield swapped(buffer, last, random)
      }
    },
  }
}

/** Puts a sample into the buffer and takes one out, which may be the same. */
function swapped(buffer: Sample[], sample: Sample, random: Random): Sample {
  const index = random.below(buffer.length + 1)
  const drawn = buffer[index]
  if (drawn === undefined) return sample
  buffer[index] = sample
  return drawn
}

async function* inTurn(shards: readonly Shard[], order: Uint32Array): AsyncGenerator<Sample | BadSample> {
  for (const index of order) {
    const shard = shards[index]!
    try {
      yield* shard.read()
    } catch (error) {
      yield { key: shard.name, error: error as Error }
    }
  }
}
