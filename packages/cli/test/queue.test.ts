import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Bucket } from '../src/places/bucket'
import { bucketIn, type TestBucket } from '../../search/test/bucket'
import { cli, fixture, SAMPLES } from './cli'
import { redisIn, type TestRedis } from './redis'
import { checksumOf, rowsIn, rowsOf } from './rows'
import { program, type Program } from './workers'

let folder: string
let redis: TestRedis
let bucket: TestBucket
const workers: Program[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-queue-'))
  process.env.DUAL_ENCODER_MODEL = fixture('models/emoji-vit-bert')
  redis = await redisIn(folder)
  bucket = await bucketIn(join(folder, 's3'))
  Object.assign(process.env, bucket.env)
  await redis.start()
})
afterAll(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await redis.kill()
  await bucket[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

it('embeds by workers what one process does, over a kill of Redis; unreadable pictures are set aside', async () => {
  const [pictures, out] = [join(folder, 'pictures'), join(folder, 'out')]
  await cp(SAMPLES, pictures, { recursive: true })
  await writeFile(join(pictures, 'bad.png'), 'no picture')
  const queued = ['embed', pictures, '--queue', redis.url, '--shard-size', '4', '--out', out]
  const coordinator = await program(...queued)
  workers.push(coordinator, await program('worker', '--queue', redis.url, '--batch-size', '4'))
  await redis.kill()
  await redis.start()
  expect(await coordinator.ended).toBe(3)
  const [{ shards, done, failed }] = coordinator.lines as [Record<string, unknown>]
  expect({ shards, done }).toEqual({ shards: 4, done: 4 })
  expect((failed as { id: string }[]).map(({ id }) => id)).toEqual([join(pictures, 'bad.png')])

  const straight = join(folder, 'straight.parquet')
  expect(await cli('embed', pictures, '--batch-size', '4', '--out', straight)).toMatchObject({ code: 3 })
  const wanted = await rowsOf(straight)
  const found = await rowsIn(out)
  expect(found.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
  expect(checksumOf(found)).toBe(checksumOf(wanted))

  // Again: all is done, no worker is asked. Of other shards the folder is not.
  workers[1]!.child.kill('SIGTERM')
  expect(await workers[1]!.ended).toBe(0)
  expect(await cli(...queued)).toMatchObject({ code: 3 })
  expect((await cli(...queued.map((arg) => (arg === '4' ? '5' : arg)))).err).toContain('bad-plan')
  expect((await readdir(out)).filter((name) => /\.[0-9a-f-]{36}/.test(name))).toEqual([])
}, 60_000)

it('embeds tars and pictures of a bucket into files and an index there', async () => {
  const s3 = `s3://${bucket.name}`
  const names = (await readdir(SAMPLES)).sort()
  const send = new Bucket(`${s3}/in`)
  for (const name of names.slice(0, 3)) await send.write(name, await readFile(join(SAMPLES, name)))
  const tar = join(folder, 'shard-7.tar')
  await promisify(execFile)('tar', ['-cf', tar, '-C', SAMPLES, ...names.slice(3)])
  await send.write('more/shard 7+.tar', await readFile(tar))
  await send.write('notes.txt', Buffer.from('no picture'))
  const queued = ['embed', `${s3}/in`, '--queue', redis.url, '--shard-size', '2']
  const worker = await program('worker', '--queue', redis.url, '--batch-size', '4')
  workers.push(worker)

  const files = await cli(...queued, '--out', `${s3}/out`, '--json')
  expect(files.values).toMatchObject([{ shards: 3, done: 3, failed: [], out: `${s3}/out` }])
  const out = new Bucket(`${s3}/out`)
  const results = [...(await out.names())].filter((name) => name.endsWith('.parquet')).sort()
  const rows = (
    await Promise.all(
      results.map(async (name) => {
        const path = join(folder, name)
        await writeFile(path, Buffer.from(await (await fetch(await out.addressOf(name))).arrayBuffer()))
        return rowsOf(path)
      }),
    )
  ).flat()
  const wanted = names.map((name, i) => `${s3}/in/${i < 3 ? '' : 'more/shard 7+.tar/'}${name}`)
  expect(rows.map(({ id }) => id)).toEqual(wanted)

  const index = `${s3}/index`
  const into = [...queued, '--out', `${s3}/done`, '--into', index, '--json']
  expect((await cli(...into)).values).toMatchObject([{ shards: 3, done: 3, failed: [], into: index }])
  // Again: nothing is asked of workers, and nothing is there twice.
  worker.child.kill('SIGTERM')
  await worker.ended
  expect(await cli(...into)).toMatchObject({ code: 0 })
  const { values } = await cli('search', 'a slice of pizza', '--index', index, '--top', '50', '--json')
  expect(values.map(({ id }) => id).sort()).toEqual(wanted.toSorted())
  expect(values[0]!.id).toBe(wanted[names.indexOf('pizza.png')])
}, 60_000)
