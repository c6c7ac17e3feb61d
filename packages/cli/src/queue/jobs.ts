import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Redis } from 'ioredis'

/** Pictures that one worker embeds into one file. */
export interface Shard {
  /** The folder of results, a path that means the same on all machines. */
  readonly out: string
  readonly name: string
  readonly pictures: readonly string[]
}

/** The queue of all runs that share a Redis. */
export const QUEUE = 'dual-encoder'

/** Waits for a Redis that is away, however long. @param onAway told once for each time */
export async function connectionTo(url: string, onAway: (message: string) => void): Promise<Redis> {
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  let away = false
  redis.on('error', ({ message }: Error) => {
    if (!away) onAway(`Redis is away (${message}); waiting for it.`)
    away = true
  })
  redis.on('ready', () => (away = false))
  return redis
}

/** The same for the same work: what is in the queue is not put there twice. */
export const jobIdOf = ({ out, name, pictures }: Shard): string =>
  createHash('sha256')
    .update(JSON.stringify([out, name, pictures]))
    .digest('hex')
    .slice(0, 32)

export const resultOf = ({ out, name }: Pick<Shard, 'out' | 'name'>): string => join(out, `${name}.parquet`)
/** Pictures of a shard that cannot be read, a line of JSON each. */
export const failuresOf = ({ out, name }: Pick<Shard, 'out' | 'name'>): string => join(out, `${name}.failed.jsonl`)

/** Shards of so many pictures, in order. Their names are as long as each other, so that files are in order too. */
export function shardsOf(out: string, pictures: readonly string[], size: number): Shard[] {
  const count = Math.ceil(pictures.length / size)
  const digits = Math.max(5, String(count - 1).length)
  return Array.from({ length: count }, (_, i) => ({
    out,
    name: `shard-${String(i).padStart(digits, '0')}`,
    pictures: pictures.slice(i * size, (i + 1) * size),
  }))
}
