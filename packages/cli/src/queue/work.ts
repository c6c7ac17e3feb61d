import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embedImages, type ImageItem, SourceError } from '@dual-encoder/core'
import { checkFingerprint, type Fingerprint, fingerprintOf, isPicture, SearchIndex } from '@dual-encoder/search'
import { readTar } from '@dual-encoder/train'
import type { Context, LoadFlags } from '../context'
import { type Loaded, loadModel } from '../model'
import { addressOf } from '../places/bucket'
import { placeOf } from '../places/open'
import { type EmbeddedRow, writerFor } from '../rows/writers'
import { connectionTo, failuresOf, QUEUE, resultOf, type Shard } from './jobs'

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

/** Embeds a shard and writes its file, unless somebody has. What is done twice is the same. @returns its rows */
async function embedShard(shard: Shard, loaded: Loaded, fingerprint: Fingerprint, batchSize: number): Promise<number> {
  const { model, processor, source } = loaded
  const place = placeOf(shard.out)
  if ((await place.names()).has(resultOf(shard))) return 0
  // The first worker says which model's these are.
  const recorded = await place.once('model.json', JSON.stringify({ source, fingerprint }))
  checkFingerprint((JSON.parse(recorded) as { fingerprint: Fingerprint }).fingerprint, fingerprint, shard.out)
  const rows: EmbeddedRow[] = []
  const failures: string[] = []
  for await (const { id, embedding, error } of embedImages(model, processor, picturesOf(shard), { batchSize })) {
    if (embedding) rows.push({ id, embedding })
    else failures.push(`${JSON.stringify({ id, error: error.message })}\n`)
  }
  if (failures.length > 0) await place.write(failuresOf(shard), Buffer.from(failures.join('')))
  if (shard.into !== undefined) {
    await using index = await SearchIndex.open(shard.into, { model, processor, name: source })
    await index.put(rows.map(({ id, embedding }) => ({ id, vector: embedding })))
  }
  const done = shard.into === undefined ? await fileOf(shard, rows) : Buffer.from(JSON.stringify({ rows: rows.length }))
  await place.write(resultOf(shard), done)
  return rows.length
}

async function* picturesOf({ pictures }: Shard): AsyncGenerator<ImageItem<string>> {
  if (typeof pictures !== 'string') {
    for (const id of pictures) yield { id, image: await addressOf(id) }
    return
  }
  for await (const { name, data } of readTar(await bytesOf(pictures), pictures))
    if (isPicture(name)) yield { id: `${pictures}/${name}`, image: data }
}

async function bytesOf(tar: string): Promise<AsyncIterable<Uint8Array>> {
  const address = await addressOf(tar)
  if (!/^https?:/i.test(address)) return createReadStream(address)
  const response = await fetch(address)
  if (!response.ok || !response.body) throw new SourceError('source-not-found', `${tar}: ${response.status}`)
  return response.body
}

/** A shard's rows as a file of Parquet. */
async function fileOf(shard: Shard, rows: readonly EmbeddedRow[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-shard-'))
  try {
    const path = join(folder, resultOf(shard))
    await writerFor(path)(path, rows, rows.length, rows[0]?.embedding.length ?? 0)
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
