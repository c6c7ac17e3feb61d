import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

/** Pictures that one worker embeds. */
export interface Shard {
  /** Where results lie: a folder, a path that means the same on all machines, or `s3://bucket/place`. */
  readonly out: string
  readonly name: string
  /** Paths, URLs and `s3://...`, or one tar that holds them: a shard of a WebDataset. */
  readonly pictures: readonly string[] | string
  /** An index that takes the rows, in place of a file. */
  readonly into?: string
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
export const jobIdOf = ({ out, name, pictures, into }: Shard): string =>
  createHash('sha256')
    .update(JSON.stringify([out, name, pictures, into]))
    .digest('hex')
    .slice(0, 32)

/** What says that a shard is done: its rows, or how many an index has taken. */
export const resultOf = ({ name, into }: Pick<Shard, 'name' | 'into'>): string =>
  into === undefined ? `${name}.parquet` : `${name}.json`
/** Pictures of a shard that cannot be read, a line of JSON each. */
export const failuresOf = ({ name }: Pick<Shard, 'name'>): string => `${name}.failed.jsonl`

/** Shards of so many pictures, and one of each tar, in order. Their names are as long as each other, so that files are in order too. */
export function shardsOf(
  { pictures, tars }: { pictures: readonly string[]; tars: readonly string[] },
  size: number,
  to: Pick<Shard, 'out' | 'into'>,
): Shard[] {
  const lists = Array.from({ length: Math.ceil(pictures.length / size) }, (_, i) =>
    pictures.slice(i * size, (i + 1) * size),
  )
  const all = [...lists, ...tars]
  const digits = Math.max(5, String(all.length - 1).length)
  return all.map((part, i) => ({ ...to, name: `shard-${String(i).padStart(digits, '0')}`, pictures: part }))
}
