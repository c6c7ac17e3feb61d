import { checkOptions, InputError, OptionError } from '../base/errors'
import type { ImageBatch, ImageCallOptions, ImageSource } from '../images'
import type { Tensor } from '../base/tensor'

/** The part of a model that is needed. */
export interface ImageEncoder {
  getImageFeatures(inputs: { pixelValues: Tensor }, options?: { normalize?: boolean }): Promise<Tensor>
}

export type PrepareImages = (images: readonly ImageSource[], options?: ImageCallOptions) => Promise<ImageBatch>

export interface ImageItem<Id = unknown> {
  readonly id: Id
  readonly image: ImageSource
}

/** `embedding`: `[D]`, of length 1 unless `normalize` is false. */
export type EmbeddedImage<Id = unknown> =
  | { readonly id: Id; readonly embedding: Float32Array; readonly error?: never }
  | { readonly id: Id; readonly error: Error; readonly embedding?: never }

export interface EmbedImagesOptions {
  /** Pictures of one model call. Default: 16. */
  batchSize?: number
  /** Unit length, as a cosine needs it. Default: true. */
  normalize?: boolean
  signal?: AbortSignal
  /** After each batch: how many pictures are answered, and how many of them with an error. */
  onProgress?: (progress: { done: number; failed: number }) => void
}

/** Batches prepared while the model runs: two, so that the last pictures of one do not keep the processors waiting. */
const AHEAD = 2

/** A batch whose pictures are decoded and resized. */
interface Prepared<Id> {
  readonly ids: readonly Id[]
  readonly pixelValues: Tensor<'float32'>
  /** Of each row of `pixelValues`, its index in `ids`. */
  readonly indices: readonly number[]
  readonly errors: ReadonlyMap<number, Error>
}

/**
 * Embeds any number of pictures, in order, by a model or by a vision tower alone (its pooled output): the next two
 * batches are decoded and resized while the model runs on this one, and no more are held. A picture that cannot be read is answered with its error; errors
 * of `items`, of the model and of `signal` are thrown.
 */
export async function* embedImages<Id>(
  model: ImageEncoder | { forward(inputs: { pixelValues: Tensor }): Promise<{ readonly poolerOutput: Tensor }> },
  processor: PrepareImages | { readonly imageProcessor: PrepareImages },
  items: AsyncIterable<ImageItem<Id>> | Iterable<ImageItem<Id>>,
  options: EmbedImagesOptions = {},
): AsyncGenerator<EmbeddedImage<Id>, void, undefined> {
  checkOptions(options, ['batchSize', 'normalize', 'signal', 'onProgress'], 'embedImages')
  const { batchSize = 16, normalize = true, signal, onProgress } = options
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new OptionError('bad-option', `batchSize is ${batchSize}; a positive integer is needed.`)
  const batches = batchesOf(items, batchSize)
  const images = 'imageProcessor' in processor ? processor.imageProcessor : processor
  const next = async (): Promise<Prepared<Id> | undefined> => {
    signal?.throwIfAborted()
    const { value, done } = await batches.next()
    return done ? undefined : prepare(images, value, signal)
  }
  let [done, failed] = [0, 0]
  const following: Promise<Prepared<Id> | undefined>[] = []
  const begin = () => {
    const batch = next()
    // Its error is thrown where it is awaited.
    batch.catch(() => undefined)
    following.push(batch)
  }
  for (let i = 0; i < AHEAD; i++) begin()
  try {
    for (let batch = await following.shift(); batch; batch = await following.shift()) {
      begin()
      const { ids, pixelValues, indices, errors } = batch
      const rows = indices.length > 0 ? await rowsOf(model, pixelValues, normalize) : []
      signal?.throwIfAborted()
      const answers = new Map(indices.map((index, row) => [index, rows[row] as Float32Array]))
      for (const [index, id] of ids.entries()) {
        const embedding = answers.get(index)
        yield embedding ? { id, embedding } : { id, error: errors.get(index) as Error }
      }
      done += ids.length
      failed += errors.size
      onProgress?.({ done, failed })
    }
  } finally {
    await Promise.allSettled(following)
    await batches.return(undefined)
  }
}

async function* batchesOf<Id>(
  items: AsyncIterable<ImageItem<Id>> | Iterable<ImageItem<Id>>,
  size: number,
): AsyncGenerator<ImageItem<Id>[], void, undefined> {
  let batch: ImageItem<Id>[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function prepare<Id>(
  imageProcessor: PrepareImages,
  batch: readonly ImageItem<Id>[],
  signal: AbortSignal | undefined,
): Promise<Prepared<Id>> {
  const options = { onError: 'skip', ...(signal && { signal }) } as const
  const images = batch.map(({ image }) => image)
  const { pixelValues, indices = [], errors = [] } = await imageProcessor(images, options)
  return {
    ids: batch.map(({ id }) => id),
    pixelValues,
    indices,
    errors: new Map(errors.map(({ index, error }) => [index, error])),
  }
}

async function rowsOf(
  model: Parameters<typeof embedImages>[0],
  pixelValues: Tensor,
  normalize: boolean,
): Promise<Float32Array[]> {
  const isModel = 'getImageFeatures' in model
  const { dims, data } = isModel
    ? await model.getImageFeatures({ pixelValues }, { normalize })
    : (await model.forward({ pixelValues })).poolerOutput
  const [count = 0, ...rest] = dims
  const size = rest.reduce((product, dim) => product * dim, 1)
  // Convolutional towers pool to [B, D, 1, 1].
  if (!(data instanceof Float32Array) || dims.length < 2 || size !== rest[0])
    throw new InputError('bad-shape', `The model gave features of [${dims.join(', ')}]; [B, D] float32 are needed.`)
  const rows = Array.from({ length: count }, (_, i) => data.slice(i * size, (i + 1) * size))
  return isModel || !normalize ? rows : rows.map(ofLengthOne)
}

function ofLengthOne(row: Float32Array): Float32Array {
  const norm = Math.hypot(...row)
  return row.map((value) => value / norm)
}
