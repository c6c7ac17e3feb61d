import { ImageError, InputError, labelProbabilities, OptionError, tensor } from '@dual-encoder/core'
import type { Query, SearchIndex } from '@dual-encoder/search'
import type { Loaded } from '../model'
import type { Input } from './inputs'

/** A unit vector, or why there is none. */
export type Answer = { readonly vector: Float32Array } | { readonly code: string; readonly message: string }

export interface Answers {
  /** In the order of what was given. */
  readonly answers: readonly Answer[]
  /** Of texts, with padding left out. */
  readonly tokens: number
}

export type Hits = Awaited<ReturnType<SearchIndex['search']>>
export interface HitOptions {
  readonly k: number
  readonly where?: string
  readonly exact: boolean
}

/** What a server asks of a model, wherever it runs. */
export interface Engine {
  embed(inputs: readonly Input[], signal?: AbortSignal): Promise<Answers>
  search(query: Query, options: HitOptions, signal?: AbortSignal): Promise<Hits>
  /** Of labels for a picture, by what `embed` made of each. */
  probabilities(picture: Float32Array, labels: readonly Float32Array[]): Promise<readonly number[]>
  close(): Promise<void>
}

export interface EngineParts extends Pick<Loaded, 'model' | 'processor'> {
  /** What `search` looks in. */
  readonly index?: SearchIndex
  /** Of a picture. */
  readonly maxPixels?: number
}

/** Inputs that are prepared or computed at a time: some batches, so that the next is ready when one is done. */
const UNDER_WAY = 64

/**
 * The engine in this thread, which it blocks while it computes. Each input is a call of its own: the model puts together
 * (`batching`) what comes at once, of one request or of many.
 */
export function localEngine({ model, processor, index, maxPixels }: EngineParts): Engine {
  const slots = new Slots(UNDER_WAY)
  const limits = maxPixels === undefined ? {} : { maxPixels }
  const one = async (input: Input, signal?: AbortSignal): Promise<{ answer: Answer; tokens: number }> => {
    const options = { normalize: true, ...(signal ? { signal } : {}) }
    try {
      if ('text' in input) {
        const inputs = await processor({ text: [input.text], truncation: true })
        const tokens = inputs.attentionMask.data.reduce((sum: number, value) => sum + Number(value), 0)
        const { data } = await model.getTextFeatures(inputs, options)
        return { answer: { vector: data.slice() }, tokens }
      }
      const { pixelValues } = await processor.imageProcessor([input.image], limits)
      const { data } = await model.getImageFeatures({ pixelValues }, options)
      return { answer: { vector: data.slice() }, tokens: 0 }
    } catch (error) {
      if (!(error instanceof ImageError || error instanceof InputError)) throw error
      return { answer: { code: error.code, message: error.message }, tokens: 0 }
    }
  }
  return {
    async embed(inputs, signal) {
      const all = await Promise.all(inputs.map((input) => slots.during(() => one(input, signal), signal)))
      return { answers: all.map(({ answer }) => answer), tokens: all.reduce((sum, { tokens }) => sum + tokens, 0) }
    },
    async search(query, options, signal) {
      if (!index) throw new OptionError('no-index', 'The server was started without an index.')
      return slots.during(() => index.search(query, options), signal)
    },
    async probabilities(picture, labels) {
      const size = picture.length
      const texts = new Float32Array(labels.length * size)
      labels.forEach((label, i) => texts.set(label, i * size))
      return [
        ...(await labelProbabilities(model, tensor(picture, [1, size]), tensor(texts, [labels.length, size]))).data,
      ]
    },
    async close() {
      await index?.close()
      await model.dispose()
    },
  }
}

/** At most so much work at a time; the rest waits in order. */
class Slots {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  async during<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((go) => this.#waiting.push(go))
    try {
      signal?.throwIfAborted()
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
