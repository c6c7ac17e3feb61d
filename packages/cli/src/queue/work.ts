import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { embedImages } from '@dual-encoder/core'
import { checkFingerprint, type Fingerprint, fingerprintOf } from '@dual-encoder/search'
import type { Context, LoadFlags } from '../context'
import { type Loaded, loadModel } from '../model'
import { type EmbeddedRow, writerFor } from '../rows/writers'
import { connectionTo, failuresOf, QUEUE, resultOf, type Shard } from './jobs'
import { onceWritten } from './written'

export interface WorkFlags extends LoadFlags {
  readonly queue: string
  readonly batchSize: number
}

/** Of a worker that has died others take the shard after so many milliseconds. */
const LOCK = 10_000

/** Embeds the shards of a queue until it is stopped, which lets the shard that is under way be done. */
export async function work(flags: WorkFlags, context: Context): Promise<void> {
  const { Worker } = await import('bullmq')
  await using loaded = await loadModel(context, flags)
  const fingerprint = await fingerprintOf(loaded.model, loaded.processor)
  const connection = await connectionTo(flags.queue, (message) => context.say(message))
  const worker = new Worker<Shard, { rows: number }>(
    QUEUE,
    async ({ data }) => ({ rows: await embedShard(data, loaded, fingerprint, flags.batchSize) }),
    { connection, lockDuration: LOCK, stalledInterval: LOCK / 2, maxStalledCount: 5 },
  )
  // Said by the connection.
  worker.on('error', () => undefined)
  worker.on('completed', ({ data: { name, out } }, { rows }) =>
    context.print(`${name}: ${rows} rows`, { name, out, rows }),
  )
  worker.on('failed', (job, { message }) => context.say(`${job?.data.name ?? 'A shard'}: ${message}`))
  context.print(`Waiting for shards on ${flags.queue}`, { queue: flags.queue })
  if (!context.signal.aborted) await once(context.signal, 'abort')
  await worker.close()
  connection.disconnect()
}

/** Writes a shard's file, unless somebody has. What is done twice is the same file. @returns its rows */
async function embedShard(
  shard: Shard,
  { model, processor, source }: Loaded,
  fingerprint: Fingerprint,
  batchSize: number,
): Promise<number> {
  const target = resultOf(shard)
  if (existsSync(target)) return 0
  // The first worker says which model's these are.
  const recorded = await onceWritten(join(shard.out, 'model.json'), JSON.stringify({ source, fingerprint }))
  checkFingerprint((JSON.parse(recorded) as { fingerprint: Fingerprint }).fingerprint, fingerprint, shard.out)
  const rows: EmbeddedRow[] = []
  const failures: string[] = []
  const items = shard.pictures.map((id) => ({ id, image: id }))
  for await (const { id, embedding, error } of embedImages(model, processor, items, { batchSize })) {
    if (embedding) rows.push({ id, embedding })
    else failures.push(`${JSON.stringify({ id, error: error.message })}\n`)
  }
  const aside = `${target}.${randomUUID()}`
  if (failures.length > 0) {
    await writeFile(aside, failures.join(''))
    await rename(aside, failuresOf(shard))
  }
  const write = writerFor(target)
  await write(aside, rows, rows.length, rows[0]?.embedding.length ?? 0)
  await rename(aside, target)
  return rows.length
}
