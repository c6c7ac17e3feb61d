import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OptionError } from '@dual-encoder/core'
import { SearchIndex } from '@dual-encoder/search'
import type { Job, Queue } from 'bullmq'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { findPictures, skippedLine } from '../pictures'
import { placeOf } from '../places/open'
import type { Place } from '../places/place'
import { EXIT, type ExitCode } from '../terminal'
import { connectionTo, failuresOf, jobIdOf, QUEUE, resultOf, type Shard, shardsOf } from './jobs'

export interface QueueFlags extends LoadFlags {
  readonly queue: string
  readonly out: string
  readonly shardSize: number
  readonly into?: string
  readonly texts?: string
}

/** Milliseconds between looks at the results, and looks after which shards that are missing are put in the queue again. */
const LOOK = 500
const LOOKS = 20
/** How often a shard is tried before it is said to have failed. */
const ATTEMPTS = 3

/** The same on all machines. */
const whole = (place: string): string => (/^(https?|data|s3):/i.test(place) ? place : resolve(place))
const isTar = (place: string): boolean => /\.tar$/i.test(place)

/**
 * Has workers embed pictures into a file for each shard, or into an index. The files say what is done, not Redis: a shard whose file is
 * missing is in the queue, or is put there again, and one that is done twice is the same file.
 */
export async function embedByQueue(given: readonly string[], flags: QueueFlags, context: Context): Promise<ExitCode> {
  if (flags.texts !== undefined) throw new OptionError('no-inputs', '--queue is of pictures; --texts are done here.')
  const { Queue } = await import('bullmq')
  const found = await findPictures(given)
  context.say(skippedLine(found.skipped.filter((file) => !isTar(file))))
  const tars = [...found.pictures, ...found.skipped].filter(isTar).map(whole)
  const pictures = found.pictures.filter((place) => !isTar(place)).map(whole)
  if (pictures.length + tars.length === 0)
    throw new OptionError('no-inputs', 'There are no pictures in what was given.')
  const into = flags.into === undefined ? {} : { into: whole(flags.into) }
  const shards = shardsOf({ pictures, tars }, flags.shardSize, { out: whole(flags.out), ...into })
  const place = placeOf(whole(flags.out))
  await checkPlan(place, shards)
  const connection = await connectionTo(flags.queue, (message) => context.say(message))
  const queue = new Queue<Shard>(QUEUE, { connection })
  // Said by the connection.
  queue.on('error', () => undefined)
  try {
    const failed = await finished(queue, place, shards, context)
    if (into.into !== undefined) await optimize(into.into, flags, context)
    return await report(place, shards, failed, context)
  } finally {
    await queue.close()
    connection.disconnect()
  }
}

/** What no single worker does. */
async function optimize(into: string, flags: LoadFlags, context: Context): Promise<void> {
  await using loaded = await loadModel(context, flags)
  await using index = await SearchIndex.open(into, { model: loaded.model, processor: loaded.processor })
  await index.optimize()
}

/** Waits until each shard has its file, or has failed. @returns why shards failed */
async function finished(
  queue: Queue<Shard>,
  place: Place,
  shards: readonly Shard[],
  context: Context,
): Promise<Map<string, string>> {
  const progress = context.progress('embed')
  const failed = new Map<string, string>()
  // Those of an earlier run are tried again.
  for (const job of await failedJobs(queue, shards)) await job.remove()
  let before: number | undefined
  for (let look = 0; ; look++) {
    const here = await place.names()
    const missing = shards.filter((shard) => !here.has(resultOf(shard)))
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

/** A place holds the results of one list of pictures. @throws OptionError `bad-plan` for another one */
async function checkPlan(place: Place, shards: readonly Shard[]): Promise<void> {
  const plan = JSON.stringify(shards.map((shard) => ({ shard: shard.name, id: jobIdOf(shard) })))
  if ((await place.once('plan.json', plan)) !== plan)
    throw new OptionError(
      'bad-plan',
      `${shards[0]!.out} holds the results of other pictures, or of shards of another size. Give another folder.`,
    )
}

async function report(
  place: Place,
  shards: readonly Shard[],
  failed: ReadonlyMap<string, string>,
  context: Context,
): Promise<ExitCode> {
  const unread: { id: string; error: string }[] = []
  const here = await place.names()
  for (const shard of shards) {
    const text = here.has(failuresOf(shard)) ? ((await place.read(failuresOf(shard))) ?? '') : ''
    for (const line of text.split('\n').filter(Boolean)) unread.push(JSON.parse(line) as { id: string; error: string })
  }
  for (const { id, error } of unread) context.say(`${id}: ${error}`)
  for (const [name, why] of failed) context.say(`${name} failed: ${why}`)
  const { out, into } = shards[0]!
  const done = shards.length - failed.size
  context.print(`${into ?? out}: ${done} of ${shards.length} shards, ${unread.length} pictures unread`, {
    ...{ out, shards: shards.length, done },
    ...(into === undefined ? {} : { into }),
    failed: unread,
    failedShards: Object.fromEntries(failed),
  })
  return unread.length + failed.size > 0 ? EXIT.partial : EXIT.ok
}
