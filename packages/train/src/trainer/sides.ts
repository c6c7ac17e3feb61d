import { OptionError } from '@dual-encoder/core'
import type { CutAt, TrainingInputs } from '@dual-encoder/core/training'
import { type CacheUse, cachedPictures, cachedTexts, keptTokens, tokenRows } from '../cache/sides'
import type { FillOptions } from '../cache/shards'
import { probeImage } from '../cache/key'
import { type IndexedData, listed, type LoaderData } from '../data/sample'
import { type BatchProcessor, pictures, type ProcessedInputs, type Side, type Sides, texts } from '../data/sides'
import { TOWERS } from '../rules/layers'
import type { TrainerOptions } from './options'
import { tensor } from '@dual-encoder/core'

/** Above what a tower learns; undefined where nothing of it is locked for good. */
function cutOf(
  { model }: Pick<TrainerOptions, 'model'>,
  kind: 'vision' | 'text',
  trained: readonly string[],
): CutAt | undefined {
  const own = trained.filter((name) => name.startsWith(`${TOWERS[kind]}.`))
  if (own.length === 0) return 'pooled'
  const { count, layerOf } = model.layersOf(kind)
  const lowest = Math.min(...own.map((name) => layerOf.get(name) ?? -1))
  return count > 0 && lowest >= 0 ? lowest : undefined
}

/** The side of samples that have a vector in place of a picture: its embedding, or another model's of the same text. */
const vectors: Side<Float32Array, TrainingInputs> = {
  prepare({ sample, key }) {
    if (!sample.vector) throw new OptionError('no-vector', `${key} has no vector, as the others have.`)
    const length = Math.hypot(...sample.vector)
    return Float32Array.from(sample.vector, (value) => value / length)
  },
  batch: (_, rows) =>
    Promise.resolve({
      imageEmbeds: tensor(Float32Array.from(rows.flatMap((row) => [...row])), [rows.length, rows[0]?.length ?? 0]),
    }),
}

/** Patches that are left out in the graph, of pictures that no cache holds. */
function dropped(
  side: Side<unknown, TrainingInputs>,
  drop: { readonly tokens: number; readonly prefix: number; readonly dropout: number },
): Side<unknown, TrainingInputs> {
  return {
    prepare: (taken) => side.prepare(taken),
    batch: async (taken, prepared) => ({
      ...(await side.batch(taken, prepared)),
      keptTokens: tokenRows(taken.map((one) => keptTokens(one, drop))),
    }),
  }
}

/** A processor whose texts are padded to few lengths, since each makes a graph of its own. */
export function fewLengths({ processor, model }: Pick<TrainerOptions, 'processor' | 'model'>): BatchProcessor {
  const { maxPositionEmbeddings: most = 0 } = model.config.textConfig as { readonly maxPositionEmbeddings?: number }
  // A function of the user's has options of its own.
  return 'tokenizer' in processor && most % 8 === 0
    ? (inputs) => processor('text' in inputs ? ({ ...inputs, padToMultipleOf: 8 } as typeof inputs) : inputs)
    : processor
}

const indexed = (data: LoaderData): IndexedData => {
  if ('stream' in data)
    throw new OptionError('bad-option', 'cache: data has to answer in any order; a stream does not. Leave cache out.')
  return listed(data)
}

const haveVectors = async (data: LoaderData): Promise<boolean> =>
  !('stream' in data) && data.length > 0 && (await listed(data).get(0)).vector !== undefined

/** How samples become inputs of a step: through caches of what is locked, where there are to be such. */
export async function trainingSides(
  options: TrainerOptions,
  trained: readonly string[],
  fill: FillOptions,
  use: CacheUse = 'training',
): Promise<Sides<TrainingInputs>> {
  const { model, augment = [], patchDropout = 0, cache, seed = 0, loss, data } = options
  const processor = fewLengths(options)
  const folder = typeof cache === 'string' ? { folder: cache } : cache
  const cuts = { vision: cutOf(options, 'vision', trained), text: cutOf(options, 'text', trained) }
  const drop = patchDropout > 0 ? await dropOf(options, cuts.vision) : undefined
  const common = (kind: 'vision' | 'text') =>
    folder && cuts[kind] !== undefined
      ? { model, processor, folder: folder.folder, at: cuts[kind], data: indexed(data), seed: folder.seed ?? seed, use }
      : undefined
  const [vision, text] = [common('vision'), common('text')]
  const views = folder?.views ?? (augment.length > 0 ? 4 : 1)
  const plain = pictures(processor, augment) as Side<unknown, TrainingInputs>
  const images =
    loss === 'distillation' || (await haveVectors(data))
      ? vectors
      : vision
        ? await cachedPictures({ ...vision, augment, views, drop }, fill)
        : drop
          ? dropped(plain, drop)
          : plain
  return { images, texts: text ? await cachedTexts(text, fill) : texts(processor) } as Sides<TrainingInputs>
}

/** The same for an evaluation: nothing augmented, nothing left out. */
export async function evaluationSides(
  options: TrainerOptions,
  trained: readonly string[],
  data: IndexedData,
  fill: FillOptions,
): Promise<Sides<TrainingInputs>> {
  const { augment: _, patchDropout: __, cache, ...rest } = options
  const folder = typeof cache === 'string' ? { folder: cache } : cache
  return trainingSides(
    { ...rest, data, ...(folder && { cache: { ...folder, views: 1 } }) },
    trained,
    fill,
    'evaluation',
  )
}

/** Tokens of a picture, and how many of them stand before the patches. @throws OptionError for towers that need all */
async function dropOf({ model, processor, patchDropout = 0 }: TrainerOptions, at: CutAt | undefined) {
  const { modelType, patchSize } = model.config.visionConfig
  const fault = (message: string) => new OptionError('bad-patch-dropout', `patchDropout ${patchDropout}: ${message}`)
  if (!(patchDropout > 0 && patchDropout < 1)) throw fault('a share from 0 to below 1 is needed.')
  const names = [...model.parameterShapes.keys()]
  const { count } = model.layersOf('vision')
  const needsAll = `${modelType} needs every patch where it is (windows, convolutions, relative positions). Leave it out.`
  if (count === 0 || names.some((name) => /^vision_model\..*relative_position_bias/.test(name))) throw fault(needsAll)
  if (at === 'pooled')
    throw fault('no layer of the image tower is trained, so nothing is gained. Train some, or leave it out.')
  const { pixelValues } = (await processor({ images: [probeImage()] })) as ProcessedInputs
  const { dims } = await model.outputBelow('vision', { pixelValues }, 0)
  if (dims.length !== 3) throw fault(needsAll)
  const [height, width] = pixelValues.dims.slice(2) as [number, number]
  const [h, w] = typeof patchSize === 'number' ? [patchSize, patchSize] : patchSize
  const tokens = dims[1] as number
  return { tokens, prefix: tokens - Math.floor(height / h) * Math.floor(width / w), dropout: patchDropout }
}
