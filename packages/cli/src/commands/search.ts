import { isAbsolute, relative, resolve } from 'node:path'
import { OptionError } from '@dual-encoder/core'
import { type Found, type QueryPart, SearchIndex } from '@dual-encoder/search'
import type { Context, LoadFlags } from '../context'
import { loadModel } from '../model'
import { skippedLine } from '../pictures'
import { EXIT, type ExitCode } from '../terminal'

export interface IndexFlags extends LoadFlags {
  readonly index: string
  readonly batchSize: number
  readonly exactBelow?: number
}

/** Adds folders of pictures to an index: what is new, changed or gone since the last time. */
export async function addToIndex(places: readonly string[], flags: IndexFlags, context: Context): Promise<ExitCode> {
  await using loaded = await loadModel(context, flags)
  const { model, processor, source } = loaded
  const exactBelow = flags.exactBelow === undefined ? {} : { exactBelow: flags.exactBelow }
  await using index = await SearchIndex.open(flags.index, { model, processor, name: source, ...exactBelow })
  let failures = 0
  for (const place of places) {
    const progress = context.progress('index')
    const { failed, skipped, ...counts } = await index.add(place, {
      signal: context.signal,
      batchSize: flags.batchSize,
      onProgress: ({ done, total, before }) => progress.update(done, total, before),
    })
    failures += failed.length
    context.say(skippedLine(skipped.map(shown)))
    for (const { id, error } of failed) context.say(`${shown(id)}: ${error.message}`)
    const parts = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []))
    const count = await index.count()
    context.print(`${place}: ${parts.join(', ') || 'nothing'}; ${flags.index} holds ${count}`, {
      place,
      ...counts,
      failed: failed.map(({ id, error }) => ({ id, message: error.message })),
      skipped,
      count,
    })
  }
  return failures > 0 ? EXIT.partial : EXIT.ok
}

export interface SearchFlags extends LoadFlags {
  readonly index: string
  readonly image?: string[]
  readonly minus?: string[]
  readonly similar?: string
  readonly duplicates?: number | boolean
  readonly top: number
  readonly where?: string
  readonly exact?: boolean
}

/** Finds what is nearest to texts and pictures, and far from what is taken away. */
export async function search(texts: readonly string[], flags: SearchFlags, context: Context): Promise<void> {
  await using loaded = await loadModel(context, flags)
  const { model, processor } = loaded
  await using index = await SearchIndex.open(flags.index, { model, processor, create: false })
  const { top: k, where, exact = false, signal } = { ...flags, signal: context.signal }
  if (flags.duplicates !== undefined) {
    const threshold = typeof flags.duplicates === 'number' ? { threshold: flags.duplicates } : {}
    const groups = await index.duplicates({ signal, ...threshold, ...(where === undefined ? {} : { where }) })
    for (const group of groups) context.print([...group.map(shown), ''], group)
    return
  }
  const options = { k, exact, ...(where === undefined ? {} : { where }) }
  const parts: QueryPart[] = [
    ...texts.map((text) => ({ text })),
    ...(flags.image ?? []).map((image) => ({ image })),
    ...(flags.minus ?? []).map((text) => ({ text, weight: -0.5 })),
  ]
  if ((parts.length === 0) === (flags.similar === undefined))
    throw new OptionError('no-query', 'Give texts, --image or --minus, or else --similar.')
  const found =
    flags.similar === undefined ? await index.search(parts, options) : await similar(index, flags.similar, options)
  for (const hit of found) context.print(`${hit.score.toFixed(3)}  ${shown(hit.id)}`, hit)
}

/** By the path as it was given, or as the index has it. */
async function similar(index: SearchIndex, given: string, options: { k: number; exact: boolean }): Promise<Found[]> {
  const absolute = resolve(given).replaceAll('\\', '/')
  const known = (await index.count(`id = '${absolute.replaceAll("'", "''")}'`)) > 0
  return index.similar(known ? absolute : given, options)
}

/** A path below the current folder as people would type it. */
function shown(id: string): string {
  const path = isAbsolute(id) ? relative(process.cwd(), id) : id
  return path.startsWith('..') ? id : path
}
