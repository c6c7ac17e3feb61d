import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cli, fixture, SAMPLES } from './cli'
import { redisIn, type TestRedis } from './redis'
import { checksumOf, rowsIn, rowsOf } from './rows'
import { program, type Program } from './workers'

let folder: string
let redis: TestRedis
const workers: Program[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-queue-'))
  process.env.DUAL_ENCODER_MODEL = fixture('models/emoji-vit-bert')
  redis = await redisIn(folder)
  await redis.start()
})
afterAll(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await redis.kill()
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
