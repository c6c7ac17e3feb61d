import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  embedImages,
  embedTexts,
  type ImageSource,
  OptionError,
  retrievalScores,
  SourceError,
  type Tensor,
  tensor,
  ZeroShotClassifier,
} from '@dual-encoder/core'
import { folderData, type IndexedData } from '@dual-encoder/train'
import type { Context, LoadFlags } from '../context'
import { type Loaded, loadModel } from '../model'
import { findPictures } from '../pictures'
import { EXIT, type ExitCode } from '../terminal'

export interface EvaluateFlags extends LoadFlags {
  readonly table?: string
  readonly template?: string[]
  readonly batchSize: number
}

/** What there is to measure: pictures with captions, or with classes. */
type Data =
  | { readonly kind: 'captions'; readonly data: IndexedData }
  | { readonly kind: 'classes'; readonly labels: string[]; readonly pictures: { path: string; label: number }[] }

/**
 * Retrieval both ways over a folder with a table of captions, zero-shot accuracy over one whose folders are classes.
 * Pictures that cannot be read are named, and left out of the numbers.
 */
export async function evaluate(folder: string, flags: EvaluateFlags, context: Context): Promise<ExitCode> {
  const data = await dataOf(folder, flags.table)
  await using loaded = await loadModel(context, flags)
  const failed =
    data.kind === 'captions'
      ? await retrieval(data.data, loaded, flags, context)
      : await zeroShot(data.labels, data.pictures, loaded, flags, context)
  return failed > 0 ? EXIT.partial : EXIT.ok
}

async function dataOf(folder: string, table: string | undefined): Promise<Data> {
  const captions = await folderData(folder, table === undefined ? {} : { table }).catch((error: unknown) => {
    if (error instanceof SourceError && error.code === 'no-table' && table === undefined) return undefined
    throw error
  })
  if (captions) return { kind: 'captions', data: captions }
  const entries = await readdir(folder, { withFileTypes: true })
  const classes = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  if (classes.length < 2)
    throw new OptionError(
      'no-data-set',
      `${folder} has neither a table of captions (metadata.csv, captions.jsonl ...) nor a folder for each of several classes.`,
    )
  const pictures = await Promise.all(
    classes.sort().map(async (name, label) => {
      const found = await findPictures([join(folder, name)])
      return found.pictures.map((path) => ({ path, label }))
    }),
  )
  return { kind: 'classes', labels: classes.map((name) => name.replaceAll('_', ' ')), pictures: pictures.flat() }
}

async function retrieval(
  data: IndexedData,
  { model, processor }: Loaded,
  { batchSize }: EvaluateFlags,
  context: Context,
): Promise<number> {
  const captions: (readonly string[])[] = []
  async function* items() {
    for (let id = 0; id < data.length; id++) {
      const { image, text, key = `picture ${id}` } = await data.get(id)
      captions[id] = typeof text === 'string' ? [text] : text
      yield { id: { index: id, name: key }, image: image as ImageSource }
    }
  }
  const { rows, owners, failed } = await embedAll({ model, processor }, items(), data.length, batchSize, context)
  const texts: string[] = []
  const imageOf: number[] = []
  owners.forEach((id, row) => {
    for (const text of captions[id]!) {
      texts.push(text)
      imageOf.push(row)
    }
  })
  const embeds: Float32Array[] = []
  const progress = context.progress('captions')
  const captionItems = texts.map((text, id) => ({ id, text }))
  for await (const { embedding } of embedTexts(model, processor, captionItems, { batchSize, signal: context.signal })) {
    embeds.push(embedding)
    progress.update(embeds.length, texts.length)
  }
  const scores = await retrievalScores(rows, stacked(embeds, texts.length), imageOf)
  const line = (name: string, { recallAt, medianRank }: (typeof scores)['imageToText']) =>
    `${name}  ${Object.entries(recallAt)
      .map(([k, share]) => `R@${k} ${(100 * share).toFixed(1)}%`)
      .join('  ')}  median rank ${medianRank}`
  context.print(
    [
      `${owners.length} pictures, ${texts.length} captions`,
      line('picture to text', scores.imageToText),
      line('text to picture', scores.textToImage),
    ],
    { task: 'retrieval', pictures: owners.length, captions: texts.length, failed, ...scores },
  )
  return failed
}

async function zeroShot(
  labels: string[],
  pictures: readonly { path: string; label: number }[],
  { model, processor }: Loaded,
  { batchSize, template }: EvaluateFlags,
  context: Context,
): Promise<number> {
  const templates = template ? { templates: template } : {}
  const classifier = await ZeroShotClassifier.create(model, processor, { labels, signal: context.signal, ...templates })
  const items = pictures.map(({ path }, index) => ({ id: { index, name: path }, image: path }))
  const { rows, owners, failed } = await embedAll({ model, processor }, items, items.length, batchSize, context)
  const accuracy = await classifier.accuracy(
    rows,
    owners.map((id) => pictures[id]!.label),
    { at: labels.length > 5 ? [1, 5] : [1] },
  )
  const shares = Object.entries(accuracy).map(([k, share]) => `top-${k} accuracy ${(100 * share).toFixed(1)}%`)
  context.print(`${owners.length} pictures of ${labels.length} classes: ${shares.join(', ')}`, {
    task: 'zero-shot',
    pictures: owners.length,
    classes: labels,
    failed,
    accuracy,
  })
  return failed
}

/** Unit vectors of what can be read. @returns also the place of each among the items */
async function embedAll(
  { model, processor }: Pick<Loaded, 'model' | 'processor'>,
  items: Iterable<Picture> | AsyncIterable<Picture>,
  count: number,
  batchSize: number,
  context: Context,
): Promise<{ rows: Tensor; owners: number[]; failed: number }> {
  const progress = context.progress('pictures')
  const embeds: Float32Array[] = []
  const owners: number[] = []
  let failed = 0
  for await (const { id, embedding, error } of embedImages(model, processor, items, {
    batchSize,
    signal: context.signal,
  })) {
    if (embedding) {
      embeds.push(embedding)
      owners.push(id.index)
    } else {
      failed++
      context.say(`${id.name}: ${error.message}`)
    }
    progress.update(owners.length + failed, count)
  }
  return { rows: stacked(embeds, embeds.length), owners, failed }
}
interface Picture {
  readonly id: { readonly index: number; readonly name: string }
  readonly image: ImageSource
}

function stacked(parts: readonly Float32Array[], rows: number): Tensor {
  const size = parts.reduce((sum, part) => sum + part.length, 0) / Math.max(1, rows)
  const data = new Float32Array(rows * size)
  let at = 0
  for (const part of parts) {
    data.set(part, at)
    at += part.length
  }
  return tensor(data, [rows, size])
}
