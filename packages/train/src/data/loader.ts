import { InputError, OptionError } from '@dual-encoder/core'
import { breathe, checkOptions, turn } from '@dual-encoder/core/backend'
import type { Augmentation } from '../augment/augment'
import { positivesOf } from '../positives'
import { mix, Random } from '../random'
import { batchesOf, checkSampler, type SamplerName, tooFew } from './samplers'
import {
  type BadSample,
  captionsOf,
  type IndexedData,
  isBad,
  listed,
  type Sample,
  type StreamedData,
  type LoaderData,
} from './sample'
import { type BatchProcessor, pictures, type ProcessedInputs, type Sides, type Taken, texts } from './sides'

export interface BatchInfo {
  readonly epoch: number
  /** Of the epoch, from 0 on. */
  readonly index: number
  /** Samples by their place in the data (of a stream: in the epoch), and what they are called. */
  readonly samples: readonly number[]
  readonly keys: readonly string[]
  /** The caption that was taken of each. */
  readonly texts: readonly string[]
  /** `[n, n]`, what the losses take. */
  readonly positives: Float32Array
  /** `[n]`, where any sample has a weight. */
  readonly weights?: Float32Array
}

/** A batch with the inputs that a processor made of it. */
export type Batch<I = ProcessedInputs> = BatchInfo & I

/** Where a run stands in its data: all that resuming needs. */
export interface LoaderState {
  readonly epoch: number
  /** Batches of the epoch that were delivered. */
  readonly batches: number
  readonly bad: { readonly count: number; readonly names: readonly string[] }
}

export interface LoaderOptions {
  batchSize: number
  seed?: number
  /** Default: 'shuffled'. Streams have an order of their own. */
  sampler?: SamplerName
  augment?: readonly Augmentation[]
  positives?: 'same' | 'diagonal'
  /** What a sample that cannot be used does: it is left out, counted and named, or it ends the run. Default: 'skip'. */
  bad?: 'skip' | 'error'
  /** Share of all samples so far that may be bad (looked at from 100 on). Default: 0.5. */
  maxBad?: number
  /** Hears of each bad sample. */
  onBad?: (bad: { readonly key: string; readonly error: Error }) => void
  /** Batches that are made ready while a step runs. Default: 2. */
  ahead?: number
  /** Ends after so many epochs. Default: never. */
  epochs?: number
  /** Goes on from there. */
  state?: LoaderState
}

const OPTIONS = [
  'batchSize',
  'seed',
  'sampler',
  'augment',
  'positives',
  'bad',
  'maxBad',
  'onBad',
  'ahead',
  'epochs',
  'state',
]
/** Names that are kept of bad samples; beyond, they are counted. */
const MAX_NAMES = 100

/** A sample of a batch, by its number; or what came in place of one. */
type Chosen = { readonly number: number; readonly sample: Sample } | Rejected
interface Rejected extends BadSample {
  readonly number: number
}

/** A sample made ready, each side of it. */
interface Prepared {
  readonly taken: Taken
  readonly image: unknown
  readonly text: unknown
}

interface Choice {
  readonly chosen: readonly Chosen[]
  readonly epoch: number
  /** Of the epoch, from 0 on. */
  readonly index: number
}

/** Samples become batches: read, decoded, augmented, resized and tokenized while the step before runs. */
export class DataLoader<I = ProcessedInputs> implements AsyncIterable<Batch<I>> {
  readonly #data: IndexedData | StreamedData
  readonly #sides: Sides<I>
  readonly #options: LoaderOptions
  #state: LoaderState
  #good = 0

  /** @param processor or how each side of samples becomes inputs */
  constructor(data: LoaderData, processor: BatchProcessor | Sides<I>, options: LoaderOptions) {
    checkOptions(options, OPTIONS, 'DataLoader')
    const { batchSize, bad = 'skip', ahead = 2 } = options
    if (!Number.isInteger(batchSize) || batchSize < 1 || !Number.isInteger(ahead) || ahead < 0)
      throw new OptionError('bad-option', `batchSize ${batchSize}, ahead ${ahead}: whole numbers are needed.`)
    if (bad !== 'skip' && bad !== 'error')
      throw new OptionError('bad-option', `bad is "${String(bad)}". Should be one of: skip, error.`)
    checkSampler(options.sampler ?? 'shuffled')
    this.#data = 'stream' in data ? data : listed(data)
    if ('stream' in this.#data && options.sampler !== undefined)
      throw new OptionError(
        'bad-sampler',
        `sampler "${options.sampler}" is for data that can be asked in any order; a stream has its own (shuffleBuffer).`,
      )
    const { augment } = options
    this.#sides =
      typeof processor === 'function'
        ? ({ images: pictures(processor, augment), texts: texts(processor) } as unknown as Sides<I>)
        : processor
    this.#options = options
    this.#state = options.state ?? { epoch: 0, batches: 0, bad: { count: 0, names: [] } }
  }

  /** After the batch that was delivered last; batches that were made ready beyond it do not count. */
  get state(): LoaderState {
    return this.#state
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch<I>> {
    const { ahead = 2 } = this.#options
    const choices = this.#choices()
    const ready: Promise<{ batch: Batch<I> | undefined; bad: readonly Rejected[]; choice: Choice } | undefined>[] = []
    const begin = () => {
      // In another turn: the step of a batch that is ready begins before it.
      const next = turn()
        .then(() => choices.next())
        .then(({ done, value }) => (done ? undefined : this.#made(value)))
      // Its error is thrown where it is awaited.
      next.catch(() => undefined)
      ready.push(next)
    }
    for (let i = 0; i <= ahead; i++) begin()
    try {
      for (;;) {
        const next = await ready.shift()!
        if (!next) return
        begin()
        const { batch, bad, choice } = next
        this.#good += batch?.samples.length ?? 0
        this.#state = { epoch: choice.epoch, batches: choice.index + 1, bad: this.#counted(bad) }
        if (batch) yield batch
      }
    } finally {
      await Promise.allSettled(ready)
      await choices.return(undefined)
    }
  }

  #counted(rejected: readonly Rejected[]): LoaderState['bad'] {
    const { bad = 'skip', maxBad = 0.5, onBad } = this.#options
    let { count, names } = this.#state.bad
    for (const { key, error } of rejected) {
      if (bad === 'error') throw error
      onBad?.({ key, error })
      count++
      if (names.length < MAX_NAMES) names = [...names, `${key}: ${error.message}`]
    }
    const all = count + this.#good
    if (all >= 100 && count > maxBad * all)
      throw new InputError(
        'too-many-bad-samples',
        `${count} of ${all} samples cannot be used. The first: ${names.slice(0, 3).join('; ')}`,
      )
    return { count, names }
  }

  /** The samples of each batch, in order, from where the state stands. */
  async *#choices(): AsyncGenerator<Choice> {
    const { epochs = Infinity } = this.#options
    const { epoch: first, batches } = this.#state
    for (let epoch = first; epoch < epochs; epoch++) {
      let index = epoch === first ? batches : 0
      const data = this.#data
      const chosen = 'stream' in data ? this.#ofStream(data, epoch, index) : this.#ofIndex(data, epoch, index)
      for await (const samples of chosen) yield { chosen: samples, epoch, index: index++ }
    }
  }

  async *#ofStream(data: StreamedData, epoch: number, from: number): AsyncGenerator<Chosen[]> {
    const { batchSize, seed = 0 } = this.#options
    let chosen: Chosen[] = []
    let [number, good, skip] = [0, 0, from]
    for await (const sample of data.stream(seed, epoch)) {
      if (isBad(sample)) {
        chosen.push({ ...sample, number })
        continue
      }
      chosen.push({ sample, number: number++ })
      if (++good < batchSize) continue
      if (skip > 0) skip--
      else yield chosen
      ;[chosen, good] = [[], 0]
    }
    if (number < batchSize) throw tooFew(number, batchSize)
    // What is left over makes no batch, but what was bad among it is heard of.
    const bad = chosen.filter((one) => 'error' in one)
    if (skip === 0 && bad.length > 0) yield bad
  }

  async *#ofIndex(data: IndexedData, epoch: number, from: number): AsyncGenerator<Chosen[]> {
    const { batchSize, seed = 0, sampler } = this.#options
    const keysOf = data.keysOf && ((i: number) => data.keysOf!(i))
    let index = 0
    for (const indices of batchesOf({ length: data.length, batchSize, seed, sampler, keysOf }, epoch)) {
      if (index++ < from) continue
      yield await Promise.all(
        Array.from(indices, async (number): Promise<Chosen> => {
          try {
            return { sample: await data.get(number), number }
          } catch (error) {
            return { number, key: `sample ${number}`, error: error as Error }
          }
        }),
      )
    }
  }

  async #made(choice: Choice) {
    const decoded = await Promise.all(choice.chosen.map((one) => this.#decoded(one, choice.epoch)))
    const bad = decoded.flatMap((one) => ('error' in one ? [one] : []))
    const good = decoded.flatMap((one) => ('error' in one ? [] : [one]))
    // Of a batch of which one is left, nothing can be told from anything.
    const enough = good.length >= Math.min(2, this.#options.batchSize)
    return { batch: enough ? await this.#batch(good, choice) : undefined, bad, choice }
  }

  async #decoded(one: Chosen, epoch: number): Promise<Prepared | Rejected> {
    if ('error' in one) return one
    const { sample, number } = one
    const { seed = 0 } = this.#options
    const { images, texts } = this.#sides
    const key = sample.key ?? `sample ${number}`
    await breathe()
    try {
      const captions = captionsOf(sample).filter((caption) => caption.trim() !== '')
      if (captions.length === 0) throw new InputError('empty-caption', `${key} has no caption.`)
      const text = captions[new Random(mix(seed, epoch, number, 7)).below(captions.length)]!
      const taken = { sample, number, key, text, epoch, seed }
      return { taken, image: await images.prepare(taken), text: await texts.prepare(taken) }
    } catch (error) {
      return { number, key, error: error as Error }
    }
  }

  async #batch(good: readonly Prepared[], { epoch, index }: Choice): Promise<Batch<I>> {
    const { images, texts } = this.#sides
    const taken = good.map((one) => one.taken)
    const [ofImages, ofTexts] = await Promise.all([
      images.batch(
        taken,
        good.map(({ image }) => image),
      ),
      texts.batch(
        taken,
        good.map(({ text }) => text),
      ),
    ])
    const weighted = taken.some(({ sample }) => sample.weight !== undefined)
    const pairs = taken.map(({ sample, text }) => ({ group: sample.group, image: sample.key, caption: text }))
    const info: BatchInfo = {
      epoch,
      index,
      samples: taken.map(({ number }) => number),
      keys: taken.map(({ key }) => key),
      texts: taken.map(({ text }) => text),
      positives: positivesOf(pairs, this.#options.positives),
      ...(weighted && { weights: Float32Array.from(taken, ({ sample }) => sample.weight ?? 1) }),
    }
    return { ...info, ...ofImages, ...ofTexts } as Batch<I>
  }
}
