import { type ImageSource, InputError } from '@dual-encoder/core'
import { describe } from './describe'
import type { PairEncoder, PairProcessor } from './fingerprint'

/** A part of a query: what the hits are to be like, or, with a weight below 0, unlike. */
export type QueryPart = { readonly weight?: number } & (
  | { readonly text: string; readonly image?: never; readonly vector?: never }
  | { readonly image: ImageSource; readonly text?: never; readonly vector?: never }
  | { readonly vector: Float32Array; readonly text?: never; readonly image?: never }
)

/** A text, a part, or several: `['a dog', { text: 'snow', weight: -0.5 }, { image: 'like-this.jpg' }]`. */
export type Query = string | QueryPart | readonly (string | QueryPart)[]

/** The unit vector of a query: the sum of its parts' unit vectors, each times its weight. */
export async function queryVector(
  query: Query,
  { model, processor, size }: { model: PairEncoder; processor: PairProcessor; size: number },
): Promise<Float32Array> {
  const list: readonly (string | QueryPart)[] = typeof query === 'string' || !isList(query) ? [query] : query
  const parts = list.map((part): QueryPart => (typeof part === 'string' ? { text: part } : part))
  if (parts.length === 0)
    throw new InputError('no-query', 'A query needs at least one part: a text, an image or a vector.')
  const sum = new Float32Array(size)
  for (const part of parts) {
    const { weight = 1 } = part
    if (!Number.isFinite(weight)) throw new InputError('bad-query', `weight is ${weight}; a number is needed.`)
    const vector = await partVector(part, model, processor)
    if (vector.length !== size)
      throw new InputError('bad-query', `A vector of ${vector.length} numbers was given; the index holds ${size}.`)
    const norm = Math.hypot(...vector)
    if (!(norm > 0)) throw new InputError('bad-query', 'A vector of no length was given, or one with NaN.')
    for (let d = 0; d < size; d++) sum[d]! += (weight * vector[d]!) / norm
  }
  const norm = Math.hypot(...sum)
  if (!(norm > 1e-6)) throw new InputError('bad-query', 'The parts of the query cancel out: nothing is asked for.')
  return sum.map((value) => value / norm)
}

const isList = (query: Query): query is readonly (string | QueryPart)[] => Array.isArray(query)

async function partVector(part: QueryPart, model: PairEncoder, processor: PairProcessor): Promise<Float32Array> {
  if (typeof part?.text === 'string') {
    const features = await model.getTextFeatures(await processor({ text: [part.text] }), { normalize: true })
    return features.data as Float32Array
  }
  if (part?.vector instanceof Float32Array) return part.vector
  if (part?.image === undefined)
    throw new InputError(
      'bad-query',
      `A part of the query is ${describe(part)}; give { text }, { image } or { vector }.`,
    )
  const { pixelValues } = await processor.imageProcessor([part.image])
  return (await model.getImageFeatures({ pixelValues }, { normalize: true })).data as Float32Array
}
