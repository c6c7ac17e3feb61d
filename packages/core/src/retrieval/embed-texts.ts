import { checkOptions, InputError, OptionError } from '../base/errors'
import { joinRows, type Tensor } from '../base/tensor'
import type { TextModelInputs } from '../models/inputs'

/** The part of a model that is needed. */
export interface TextFeatureEncoder {
  getTextFeatures(inputs: TextModelInputs, options?: { normalize?: boolean }): Promise<Tensor>
}

/** The part of a processor that is needed: it makes one text ready. */
export type PrepareText = (text: string, options?: { truncation?: boolean }) => Promise<object>

export interface TextItem<Id = unknown> {
  readonly id: Id
  readonly text: string
}

/** `embedding`: `[D]`, of length 1 unless `normalize` is false. */
export interface EmbeddedText<Id = unknown> {
  readonly id: Id
  readonly embedding: Float32Array
}

export interface EmbedTextsOptions {
  /** Texts of one model call. Default: 32. */
  batchSize?: number
  /** Unit length, as a cosine needs it. Default: true. */
  normalize?: boolean
  /** Cut texts that are too long, as the processor does. Default: true. */
  truncation?: boolean
  signal?: AbortSignal
  /** After each window of texts: how many are answered. */
  onProgress?: (progress: { done: number }) => void
}

/** Batches whose texts are held at once, to find those of one length. */
const WINDOW = 16
const NAMES = ['inputIds', 'attentionMask', 'tokenTypeIds', 'positionIds', 'taskTypeIds'] as const

/**
 * Embeds any number of texts, in order. Texts of one length in tokens share a model call: nothing is padded beyond what
 * the processor does to a text alone, so an embedding does not depend on what else is given.
 */
export async function* embedTexts<Id>(
  model: TextFeatureEncoder,
  processor: PrepareText,
  items: AsyncIterable<TextItem<Id>> | Iterable<TextItem<Id>>,
  options: EmbedTextsOptions = {},
): AsyncGenerator<EmbeddedText<Id>, void, undefined> {
  checkOptions(options, ['batchSize', 'normalize', 'truncation', 'signal', 'onProgress'], 'embedTexts')
  const { batchSize = 32, normalize = true, truncation = true, signal, onProgress } = options
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new OptionError('bad-option', `batchSize is ${batchSize}; a positive integer is needed.`)
  let done = 0
  let window: TextItem<Id>[] = []
  const answer = async function* (): AsyncGenerator<EmbeddedText<Id>, void, undefined> {
    const texts = await Promise.all(window.map(({ text }) => processor(text, { truncation })))
    const rows = new Array<Float32Array>(window.length)
    for (const places of sameLength(texts as TextModelInputs[], batchSize)) {
      signal?.throwIfAborted()
      const inputs = joined(places.map((place) => texts[place] as TextModelInputs))
      const { dims, data } = await model.getTextFeatures(inputs, { normalize })
      const size = dims[1] ?? 0
      if (!(data instanceof Float32Array) || dims.length !== 2 || dims[0] !== places.length)
        throw new InputError('bad-shape', `The model gave features of [${dims.join(', ')}]; [B, D] float32 are needed.`)
      for (const [row, place] of places.entries()) rows[place] = data.slice(row * size, (row + 1) * size)
    }
    signal?.throwIfAborted()
    for (const [place, { id }] of window.entries()) yield { id, embedding: rows[place] as Float32Array }
    onProgress?.({ done: (done += window.length) })
    window = []
  }
  signal?.throwIfAborted()
  for await (const item of items) if (window.push(item) === WINDOW * batchSize) yield* answer()
  if (window.length > 0) yield* answer()
}

/** Places of texts with as many tokens, the shortest first. */
function sameLength(texts: readonly TextModelInputs[], batchSize: number): number[][] {
  const groups = new Map<number, number[]>()
  for (const [place, { inputIds }] of texts.entries()) {
    const length = inputIds.dims[1] as number
    groups.set(length, [...(groups.get(length) ?? []), place])
  }
  const shortest = [...groups].sort(([a], [b]) => a - b)
  return shortest.flatMap(([, places]) =>
    Array.from({ length: Math.ceil(places.length / batchSize) }, (_, i) =>
      places.slice(i * batchSize, (i + 1) * batchSize),
    ),
  )
}

function joined(texts: readonly TextModelInputs[]): TextModelInputs {
  const names = NAMES.filter((name) => texts[0]?.[name])
  return Object.fromEntries(
    names.map((name) => [name, joinRows(texts.map((text) => text[name] as Tensor))]),
  ) as unknown as TextModelInputs
}
