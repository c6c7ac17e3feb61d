import { mkdir, readdir, readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OptionError } from '@dual-encoder/core'
import type { Job, Queue } from 'bullmq'
import type { Context } from '../context'
import { findPictures, skippedLine } from '../pictures'
import { EXIT, type ExitCode } from '../terminal'
import { connectionTo, failuresOf, jobIdOf, QUEUE, resultOf, type Shard, shardsOf } from './jobs'
import { onceWritten } from './written'

export interface QueueFlags {
  readonly queue: string
  readonly out: string
  readonly shardSize: number
  readonly texts?: string
}

/** Milliseconds between looks at the results, and looks after which shards that are missing are put in the queue again. */
const LOOK = 500
const LOOKS = 20
/** How often a shard is tried before it is said to have failed. */
const ATTEMPTS = 3

/**
 * Has workers embed pictures into a folder, a file for each shard. The files say what is done, not Redis: a shard whose file is
 * missing is in the queue, or is put there again, and one that is done twice is the same file.
 */
export async function embedByQueue(given: readonly string[], flags: QueueFlags, context: Context): Promise<ExitCode> {
  if (flags.texts !== undefined) throw new OptionError('no-inputs', '--queue is of pictures; --texts are done here.')
  const { Queue } = await import('bullmq')
  const out = resolve(flags.out)
  const { pictures, skipped } = await findPictures(given)
  context.say(skippedLine(skipped))
  if (pictures.length === 0) throw new OptionError('no-inputs', 'There are no pictures in what was given.')
  const places = pictures.map((place) => (/^(https?|data):/i.test(place) ? place : resolve(place)))
  const shards = shardsOf(out, places, flags.shardSize)
  await mkdir(out, { recursive: true })
  await checkPlan(out, shards)
  const connection = await connectionTo(flags.queue, (message) => context.say(message))
  const queue = new Queue<Shard>(QUEUE, { connection })
  // Said by the connection.
  queue.on('error', () => undefined)
  try {
    const failed = await finished(queue, shards, context)
    return await report(out, shards, failed, context)
  } finally {
    await queue.close()
    connection.disconnect()
  }
}

/** Waits until each shard has its file, or has failed. @returns why shards failed */
async function finished(queue: Queue<Shard>, shards: readonly Shard[], context: Context): Promise<Map<string, string>> {
  const progress = context.progress('embed')
  const failed = new Map<string, string>()
  const { out } = shards[0]!
  // Those of an earlier run are tried again.
  for (const job of await failedJobs(queue, shards)) await job.remove()
  let before: number | undefined
  for (let look = 0; ; look++) {
    const here = new Set(await readdir(out))
    const missing = shards.filter((shard) => !here.has(basename(resultOf(shard))))
    const done = shards.length - missing.length
    progress.update(done, shards.length, (before ??= done))
    if (missing.every(({ name }) => failed.has(name))) return failed
    if (look % LOOKS === 0) {
      for (const job of await failedJobs(queue, shards)) failed.set(job.data.name, job.failedReason)
      const wanted = missing.filter(({ name }) => !failed.has(name))
      await queue.addBulk(wanted.map((shard) => ({ name: 'embed', data: shard, opts: optionsOf(shard) })))
    }
    await delay(LOOK, undefined, { signal: context.signal })
  }
}

const optionsOf = (shard: Shard) => ({
  jobId: jobIdOf(shard),
  attempts: ATTEMPTS,
  backoff: { type: 'exponential', delay: 1000 },
  // What is done is known by its file.
  removeOnComplete: true,
})

async function failedJobs(queue: Queue<Shard>, shards: readonly Shard[]): Promise<Job<Shard>[]> {
  const ids = new Set(shards.map(jobIdOf))
  return (await queue.getFailed()).filter(({ id }) => id !== undefined && ids.has(id))
}

/** A folder holds the results of one list of pictures. @throws OptionError `bad-plan` for another one */
async function checkPlan(out: string, shards: readonly Shard[]): Promise<void> {
  const plan = JSON.stringify(shards.map((shard) => ({ shard: shard.name, id: jobIdOf(shard) })))
  if ((await onceWritten(`${out}/plan.json`, plan)) !== plan)
    throw new OptionError(
      'bad-plan',
      `${out} holds the results of other pictures, or of shards of another size. Give another folder.`,
    )
}

async function report(
  out: string,
  shards: readonly Shard[],
  failed: ReadonlyMap<string, string>,
  context: Context,
): Promise<ExitCode> {
  const unread: { id: string; error: string }[] = []
  for (const shard of shards) {
    const text = await readFile(failuresOf(shard), 'utf8').catch(() => '')
    for (const line of text.split('\n').filter(Boolean)) unread.push(JSON.parse(line) as { id: string; error: string })
  }
  for (const { id, error } of unread) context.say(`${id}: ${error}`)
  for (const [name, why] of failed) context.say(`${name} failed: ${why}`)
  const [done, pictures] = [shards.length - failed.size, shards.reduce((sum, shard) => sum + shard.pictures.length, 0)]
  context.print(`${out}: ${done} of ${shards.length} shards, ${pictures} pictures, ${unread.length} of them unread`, {
    ...{ out, shards: shards.length, done, pictures },
    failed: unread,
    failedShards: Object.fromEntries(failed),
  })
  return unread.length + failed.size > 0 ? EXIT.partial : EXIT.ok
}
