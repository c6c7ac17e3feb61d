import { readFile, stat } from 'node:fs/promises'
import { embedImages, embedTexts, OptionError } from '@dual-encoder/core'
import { fingerprintOf } from '@dual-encoder/search'
import type { Context, LoadFlags } from '../context'
import { type Loaded, loadModel } from '../model'
import { findPictures, skippedLine } from '../pictures'
import { addressOf } from '../places/bucket'
import { Journal } from '../rows/journal'
import { type EmbeddedRow, writerFor } from '../rows/writers'
import { EXIT, type ExitCode } from '../terminal'

export interface EmbedFlags extends LoadFlags {
  readonly out: string
  readonly texts?: string
  readonly batchSize: number
}

interface Item {
  readonly id: string
  /** Names what was embedded: a picture that has changed has another one. */
  readonly key: string
}

/** Embeds pictures, or the lines of a file, into unit vectors in one file. What was done before an interruption is kept. */
export async function embed(given: readonly string[], flags: EmbedFlags, context: Context): Promise<ExitCode> {
  const write = writerFor(flags.out)
  if ((given.length === 0) === (flags.texts === undefined))
    throw new OptionError('no-inputs', 'Give pictures, or --texts with a file of texts: one of the two.')
  const items = flags.texts === undefined ? await pictureItems(given, context) : await textItems(flags.texts)
  await using loaded = await loadModel(context, flags)
  const { signal } = context
  const journal = await Journal.open(`${flags.out}.journal`, await fingerprintOf(loaded.model, loaded.processor))
  const failures: { id: string; error: string }[] = []
  try {
    const missing = items.filter(({ key }) => !journal.has(key))
    let done = items.length - missing.length
    if (done > 0) context.say(`${done} of ${items.length} were done before.`)
    const progress = context.progress('embed')
    const before = done
    const batches = flags.texts === undefined ? answerPictures : answerTexts
    for await (const { item, embedding, error } of batches(loaded, missing, flags.batchSize, signal)) {
      if (embedding) await journal.add(item.key, embedding)
      else failures.push({ id: item.id, error: error ?? '' })
      progress.update(++done, items.length, before)
    }
    const rows = items.filter(({ key }) => journal.has(key))
    const size = (rows[0] && (await journal.read(rows[0].key)))?.length ?? 0
    await write(flags.out, read(journal, rows), rows.length, size)
    await journal.remove()
    for (const { id, error } of failures) context.say(`${id}: ${error}`)
    const value = { out: flags.out, rows: rows.length, size, failed: failures }
    context.print(`${flags.out}: ${rows.length} embeddings of ${size} numbers`, value)
  } catch (error) {
    await journal.close().catch(() => undefined)
    throw error
  }
  return failures.length > 0 ? EXIT.partial : EXIT.ok
}

async function* read(journal: Journal, rows: readonly Item[]): AsyncGenerator<EmbeddedRow> {
  for (const { id, key } of rows) yield { id, embedding: (await journal.read(key))! }
}

async function pictureItems(given: readonly string[], context: Context): Promise<Item[]> {
  const { pictures, skipped } = await findPictures(given)
  context.say(skippedLine(skipped))
  return Promise.all(
    pictures.map(async (id) => {
      const { size, mtimeMs } = (await stat(id).catch(() => undefined)) ?? {}
      return { id, key: JSON.stringify([id, size, mtimeMs]) }
    }),
  )
}

async function textItems(file: string): Promise<Item[]> {
  return (await linesOf(file)).map((text) => ({ id: text, key: text }))
}

/** The lines of a file, without empty ones. */
export async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '')
}

interface Answer {
  readonly item: Item
  readonly embedding?: Float32Array
  readonly error?: string
}

async function* answerPictures(
  { model, processor }: Loaded,
  items: readonly Item[],
  batchSize: number,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  const pictures = await Promise.all(items.map(async (item) => ({ id: item, image: await addressOf(item.id) })))
  for await (const { id, embedding, error } of embedImages(model, processor, pictures, { batchSize, signal }))
    yield embedding ? { item: id, embedding } : { item: id, error: error.message }
}

async function* answerTexts(
  { model, processor }: Loaded,
  items: readonly Item[],
  batchSize: number,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  const texts = items.map((item) => ({ id: item, text: item.id }))
  for await (const { id: item, embedding } of embedTexts(model, processor, texts, { batchSize, signal }))
    yield { item, embedding }
}
