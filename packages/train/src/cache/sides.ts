import { loadImage, OptionError, type RawImage, type Tensor, tensor } from '@dual-encoder/core'
import { breathing } from '@dual-encoder/core/backend'
import type { CutAt, TrainingInputs } from '@dual-encoder/core/training'
import { type Augmentation, augmenting } from '../augment/augment'
import { captionsOf, type IndexedData, type Sample } from '../data/sample'
import { type BatchProcessor, imageOf, type Side, textsOf, type Taken, tokensOf } from '../data/sides'
import type { Folder } from '../files'
import { Random } from '../random'
import { digest, picturesKey } from './key'
import { type FillOptions, type Row, RowCache } from './shards'

/** What a cache needs of a model. */
export interface CutModel {
  /** What the locked part of a tower computes. */
  outputBelow(
    kind: 'vision' | 'text',
    inputs: TrainingInputs,
    at: CutAt,
    signal?: AbortSignal,
  ): Promise<Tensor<'float32'>>
  /** Of that part: its config and weights in short. */
  fingerprint(kind: 'vision' | 'text', at: CutAt): Promise<string>
}

export interface CacheOptions {
  readonly model: CutModel
  readonly processor: BatchProcessor
  readonly folder: Folder
  readonly at: CutAt
  readonly data: IndexedData
  readonly seed: number
  readonly use: CacheUse
}
/** What is cached for: other data than that of the other use, so it has folders of its own. */
export type CacheUse = 'training' | 'evaluation'

/** Rows that go through the locked part at a time. */
const ROWS = 32

const storageOf = (at: CutAt) => (at === 'pooled' ? 'F32' : 'F16')
const folderNameOf = (kind: string, { at, use }: CacheOptions, key: string): string =>
  `${kind}-${at}-${key}${use === 'training' ? '' : `-${use}`}`

/** Each row of `[B, L, D]`, or of `[B, D]` and `[B, C, H, W]`, which are one token each. */
function rowsOf({ dims, data }: Tensor<'float32'>): Row[] {
  const [count = 0] = dims
  const width = data.length / count
  const tokens = dims.length === 3 ? (dims[1] as number) : 1
  return Array.from({ length: count }, (_, i) => ({ tokens, data: data.subarray(i * width, (i + 1) * width) }))
}

/** `make` of a few at a time. */
async function inGroups<T>(all: readonly T[], make: (some: readonly T[]) => Promise<readonly (Row | Error)[]>) {
  const rows: (Row | Error)[] = []
  for (let i = 0; i < all.length; i += ROWS) rows.push(...(await make(all.slice(i, i + ROWS))))
  return rows
}

/** What says that a sample has the picture that it had. */
function pictureOf({ image, pooled }: Sample): string {
  if (pooled) return digest(Float32Array.from(pooled))
  if (typeof image === 'string' || image instanceof URL) return String(image)
  if (image instanceof Uint8Array) return digest(image)
  const raw = image as RawImage | undefined
  return raw && ArrayBuffer.isView(raw.data) ? digest(`${raw.width}`, raw.data) : 'unknown'
}

/** @throws OptionError where the tower is not locked as a whole, or gives another number of values */
function pooledRow({ key = 'A sample', pooled = [] }: Sample, at: CutAt, size: number): Row {
  if (at === 'pooled' && pooled.length === size) return { tokens: 1, data: Float32Array.from(pooled) }
  throw new OptionError(
    'bad-pooled',
    at === 'pooled'
      ? `${key} has ${pooled.length} values as pooled; the image tower gives ${size}.`
      : `${key} has pooled, what a locked image tower gives, but layers of that are trained. Lock it, or give pictures.`,
  )
}

/** The tokens of a picture that stay, drawn from seed, epoch and sample: those before the patches, and some of these. */
export function keptTokens(
  { seed, epoch, number }: Pick<Taken, 'seed' | 'epoch' | 'number'>,
  { tokens, prefix, dropout }: { readonly tokens: number; readonly prefix: number; readonly dropout: number },
): number[] {
  const patches = tokens - prefix
  const keep = Math.max(1, Math.trunc(patches * (1 - dropout)))
  const random = new Random(seed, epoch, number, 11)
  const order = Array.from({ length: patches }, (_, i) => prefix + i)
  for (let i = 0; i < keep; i++) {
    const j = i + random.below(patches - i)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  const learned = Array.from({ length: prefix }, (_, i) => i)
  return [...learned, ...order.slice(0, keep).sort((a, b) => a - b)]
}

/** `[B, K]` of int64. */
export const tokenRows = (rows: readonly (readonly number[])[]): Tensor<'int64'> =>
  tensor(BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]?.length ?? 0])

export interface PictureCacheOptions extends CacheOptions {
  readonly augment: readonly Augmentation[]
  /** Of each picture, each augmented by itself. */
  readonly views: number
  /** Of patches while training, and how many tokens stand before them. */
  readonly drop?: { readonly prefix: number; readonly dropout: number }
}

/** Pictures as the locked part of the image tower computes them, from a cache that is filled first. */
export async function cachedPictures(
  options: PictureCacheOptions,
  fill: FillOptions,
): Promise<Side<number, TrainingInputs>> {
  const { model, processor, folder, at, data, augment, views, drop, seed } = options
  const pixels = await picturesKey(processor, augment, seed)
  const [, , height, width] = pixels.pixelValues.dims as [number, number, number, number]
  const probe = await model.outputBelow('vision', { pixelValues: pixels.pixelValues }, at, fill.signal)
  const isMap = probe.dims.length === 4
  const size = at === 'pooled' || isMap ? probe.data.length : (probe.dims[2] as number)
  const key = digest(await model.fingerprint('vision', at), pixels.key, storageOf(at), `${views} ${seed}`)
  const cache = new RowCache(folder, folderNameOf('vision', options, key), size, storageOf(at))
  await cache.fill(
    {
      count: data.length * views,
      identity: async (row) => `${row % views} ${pictureOf(await data.get(Math.floor(row / views)))}`,
      make: (rows) =>
        inGroups(rows, async (some) => {
          const read = await Promise.all(
            some.map(async (row): Promise<RawImage | Row | Error> => {
              try {
                const number = Math.floor(row / views)
                const sample = await data.get(number)
                if (sample.pooled) return pooledRow(sample, at, size)
                const image = await loadImage(imageOf(sample))
                return await breathing(augmenting(image, augment, { seed, epoch: row % views, sample: number }))
              } catch (error) {
                return error as Error
              }
            }),
          )
          const images = read.filter((one) => 'width' in one)
          const made: Row[] = []
          if (images.length > 0) {
            const { pixelValues } = (await processor({ images })) as { pixelValues: Tensor }
            made.push(...rowsOf(await model.outputBelow('vision', { pixelValues }, at, fill.signal)))
          }
          return read.map((one) => ('width' in one ? made.shift()! : one))
        }),
    },
    fill,
  )
  return {
    // The view is chosen, and whether there is one.
    prepare({ number, epoch, seed }) {
      const row = number * views + new Random(seed, epoch, number, 13).below(views)
      cache.tokens(row)
      return row
    },
    async batch(taken, rows) {
      const kept = drop && taken.map((one) => keptTokens(one, { ...drop, tokens: cache.tokens(rows[0]!) }))
      const tokens = kept ? kept[0]!.length : cache.tokens(rows[0]!)
      const hidden = new Float32Array(rows.length * tokens * size)
      const width1 = tokens * size
      await Promise.all(rows.map((row, i) => cache.read(row, hidden.subarray(i * width1, (i + 1) * width1), kept?.[i])))
      if (at === 'pooled') return { imagePooled: tensor(hidden, [rows.length, size]) }
      return {
        imageEntering: {
          at,
          hidden: tensor(hidden, [rows.length, ...(isMap ? probe.dims.slice(1) : [tokens, size])]),
          imageSize: [height, width],
        },
        ...(kept && { keptTokens: tokenRows(kept) }),
      }
    },
  }
}

/** Texts as the locked part of the text tower computes them: every caption of the data, each kept once. */
export async function cachedTexts(options: CacheOptions, fill: FillOptions): Promise<Side<undefined, TrainingInputs>> {
  const { model, processor, folder, at, data } = options
  const rowOf = new Map<string, number>()
  for (let i = 0; i < data.length; i++) {
    const sample = await data.get(i)
    for (const text of [...captionsOf(sample), ...(sample.negatives ?? [])])
      if (text.trim() !== '' && !rowOf.has(text)) rowOf.set(text, rowOf.size)
  }
  const all = [...rowOf.keys()]
  const probe = await model.outputBelow('text', await tokensOf(processor, [all[0] ?? 'a']), at, fill.signal)
  const size = probe.dims.at(-1) as number
  const key = digest(await model.fingerprint('text', at), storageOf(at))
  const cache = new RowCache(folder, folderNameOf('text', options, key), size, storageOf(at))
  const idsOf = async (text: string) => (await tokensOf(processor, [text])).inputIds.data
  await cache.fill(
    {
      count: all.length,
      identity: async (row) => digest(await idsOf(all[row]!)),
      make: (rows) =>
        inGroups(rows, async (some) => {
          const tokens = await tokensOf(
            processor,
            some.map((row) => all[row]!),
          )
          const output = await model.outputBelow('text', tokens, at, fill.signal)
          return at === 'pooled' ? rowsOf(output) : withoutPadding(output, tokens.attentionMask)
        }),
    },
    fill,
  )
  return {
    prepare: () => undefined,
    async batch(taken) {
      const { texts, hardNegatives } = textsOf(taken)
      const beside = hardNegatives > 0 && { hardNegatives }
      const rows = texts.map((text) => rowOf.get(text) ?? -1)
      if (at === 'pooled') {
        const pooled = new Float32Array(rows.length * size)
        await Promise.all(rows.map((row, i) => cache.read(row, pooled.subarray(i * size, (i + 1) * size))))
        return { textPooled: tensor(pooled, [rows.length, size]), ...beside }
      }
      const tokens = await tokensOf(processor, texts)
      const { dims, data: mask } = maskOf(tokens)
      const length = dims[1] as number
      const hidden = new Float32Array(rows.length * length * size)
      await Promise.all(
        rows.map(async (row, i) => {
          const own = new Float32Array(cache.tokens(row) * size)
          await cache.read(row, own)
          let at = 0
          for (let j = 0; j < length; j++)
            if (mask[i * length + j] === 1n) hidden.set(own.subarray(at * size, ++at * size), (i * length + j) * size)
        }),
      )
      const textEntering = { at, hidden: tensor(hidden, [rows.length, length, size]) }
      return { ...tokens, textEntering, ...beside }
    },
  }
}

const maskOf = ({ attentionMask, inputIds }: { attentionMask?: Tensor<'int64'>; inputIds: Tensor<'int64'> }) =>
  attentionMask ?? tensor(new BigInt64Array(inputIds.data.length).fill(1n), inputIds.dims)

/** The tokens of each text alone. */
function withoutPadding(output: Tensor<'float32'>, attentionMask?: Tensor<'int64'>): Row[] {
  const [, length = 0, size = 0] = output.dims
  return rowsOf(output).map((row, i) => {
    const there = Array.from({ length }, (_, j) => j).filter(
      (j) => !attentionMask || attentionMask.data[i * length + j] === 1n,
    )
    const data = new Float32Array(there.length * size)
    there.forEach((j, to) => data.set(row.data.subarray(j * size, (j + 1) * size), to * size))
    return { tokens: there.length, data }
  })
}
