import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture } from '../../packages/cli/test/cli'
import { redisIn, type TestRedis } from '../../packages/cli/test/redis'
import { checksumOf, rowsIn, rowsOf } from '../../packages/cli/test/rows'
import { writeViews } from '../../packages/cli/test/views'
import { program, type Program } from '../../packages/cli/test/workers'
import { random } from './faults'
import { record } from './record'

const SHARDS = 24
const SHARD = 48
let folder: string
let pictures: string
let redis: TestRedis
const begun: Program[] = []
const begin = async (...args: string[]) => {
  const one = await program(...args)
  begun.push(one)
  return one
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-queue-proof-'))
  pictures = join(folder, 'pictures')
  await writeViews(pictures, SHARDS * SHARD)
  redis = await redisIn(folder)
  await redis.start()
})
afterAll(async () => {
  for (const { child } of begun) child.kill('SIGKILL')
  await redis.kill()
  await rm(folder, { recursive: true, force: true })
})

const worker = () =>
  begin('worker', '--queue', redis.url, '--threads', '1', '--model', fixture('models/emoji-vit-bert'))
const stop = async ({ child, ended }: Program) => (child.kill('SIGTERM'), ended)
/** A run of so many workers. @returns seconds from the first job to the last file */
async function run(name: string, workers: number, during?: (all: Program[]) => Promise<void>) {
  const out = join(folder, name)
  const all = await Promise.all(Array.from({ length: workers }, worker))
  const started = performance.now()
  const coordinator = await begin('embed', pictures, '--queue', redis.url, '--shard-size', String(SHARD), '--out', out)
  await during?.(all)
  expect(await coordinator.ended).toBe(0)
  const seconds = (performance.now() - started) / 1000
  await Promise.all(all.map(stop))
  return { out, seconds }
}

it('each shard once, whatever dies: the checksum is that of one process', async () => {
  const straight = join(folder, 'straight.parquet')
  expect(await (await begin('embed', pictures, '--threads', '1', '--out', straight)).ended).toBe(0)
  const wanted = await rowsOf(straight)
  const next = random(23)
  const killed = { worker: 0, redis: 0 }
  const { out } = await run('killed', 3, async ([first]) => {
    const shards = () =>
      readdir(join(folder, 'killed')).then((names) => names.filter((name) => name.endsWith('.parquet')).length)
    while ((await shards().catch(() => 0)) < 2) await delay(20)
    await delay(1000 * next())
    first!.child.kill('SIGKILL')
    killed.worker = await shards()
    await delay(1000 * next())
    await redis.kill()
    killed.redis = await shards()
    await delay(1500)
    await redis.start()
  })
  const found = await rowsIn(out)
  expect(killed.redis).toBeLessThan(SHARDS)
  expect(new Set(found.map(({ id }) => id)).size).toBe(SHARDS * SHARD)
  expect(found.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
  expect(checksumOf(found)).toBe(checksumOf(wanted))
  const one = await run('one', 1)
  const two = await run('two', 2)
  await record('queue', {
    what: 'embedding by a queue: three workers, one killed -9, Redis (AOF) killed once by SIGKILL; then one and two workers of a thread each on two cores',
    shards: SHARDS,
    pictures: SHARDS * SHARD,
    shardsDoneWhenKilled: killed,
    checksum: { queue: checksumOf(found), oneProcess: checksumOf(wanted) },
    picturesPerSecond: {
      oneWorker: Math.round((SHARDS * SHARD) / one.seconds),
      twoWorkers: Math.round((SHARDS * SHARD) / two.seconds),
    },
  })
}, 1_200_000)
