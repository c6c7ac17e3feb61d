import { InputError, OptionError } from '@dual-encoder/core'
import { scramble } from '@dual-encoder/core/backend'

/** A picture with its caption, or several of which each epoch takes one. */
export interface TrainingItem<Image = unknown> {
  readonly image: Image
  readonly text: string | readonly string[]
}

/** Items by their place: a list, or what finds them when they are asked for. */
export interface IndexedItems<Image = unknown> {
  readonly length: number
  get(index: number): TrainingItem<Image> | Promise<TrainingItem<Image>>
}
export type TrainingData<Image = unknown> = readonly TrainingItem<Image>[] | IndexedItems<Image>

/** A number that several decide, each of them. */
const mix = (...parts: readonly number[]): number =>
  parts.reduce((state, part) => scramble(state ^ Math.imul(part + 1, 0x9e3779b9)), 0)

/** 0 to count - 1 in an order that seed and epoch decide (Fisher and Yates). */
function order(count: number, seed: number, epoch: number): Uint32Array {
  const places = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = mix(seed, epoch, i) % (i + 1)
    const held = places[i] as number
    places[i] = places[j] as number
    places[j] = held
  }
  return places
}

/** The batch of each step: what is in it depends on seed and step alone, so that a resumed run goes on as it would have. */
export class Batches<Image> {
  #epoch?: { readonly number: number; readonly order: Uint32Array }

  constructor(
    private readonly data: TrainingData<Image>,
    private readonly size: number,
    private readonly seed: number,
  ) {
    if (!(Number.isInteger(size) && size > 0))
      throw new OptionError('bad-option', `batchSize is ${size}; a whole number above 0 is needed.`)
    if (data.length < size)
      throw new OptionError('bad-option', `batchSize is ${size}; data has only ${data.length} items.`)
  }

  /** Whole batches in an epoch; a rest is left out, another one each time. */
  get perEpoch(): number {
    return Math.floor(this.data.length / this.size)
  }

  /** @param step from 0 on */
  async at(step: number): Promise<{ images: Image[]; text: string[] }> {
    const epoch = Math.floor(step / this.perEpoch)
    if (this.#epoch?.number !== epoch) this.#epoch = { number: epoch, order: order(this.data.length, this.seed, epoch) }
    const first = (step % this.perEpoch) * this.size
    const places = [...this.#epoch.order.subarray(first, first + this.size)]
    const items = await Promise.all(places.map((place) => this.#item(place)))
    return {
      images: items.map(({ image }) => image),
      text: items.map(({ text }, i) => this.#caption(text, places[i] as number, epoch)),
    }
  }

  async #item(place: number): Promise<TrainingItem<Image>> {
    const { data } = this
    const item = 'get' in data ? await data.get(place) : data[place]
    if (!item) throw new InputError('no-item', `data has no item ${place}.`)
    return item
  }

  #caption(text: string | readonly string[], place: number, epoch: number): string {
    const captions = typeof text === 'string' ? [text] : text
    const caption = captions[mix(this.seed, epoch, place) % captions.length]
    if (!caption) throw new InputError('empty-caption', `Item ${place} of data has no caption.`)
    return caption
  }
}
