import { InputError, OptionError } from '../base/errors'
import type { Tensor } from '../base/tensor'
import { rowsOf } from './blocks'

/** Shares of rows whose label is among the k best, by k. */
export type Accuracy = Readonly<Record<number, number>>

/** Counts ranks of the right label as scores arrive. Ties count against, and so does what is no number. */
export class AccuracyCounter {
  readonly #at: readonly number[]
  readonly #hits: number[]
  #rows = 0

  constructor(at: readonly number[] = [1, 5]) {
    if (at.length === 0 || !at.every((k) => Number.isInteger(k) && k > 0))
      throw new OptionError('bad-option', `at is [${at.join(', ')}]; positive integers are needed.`)
    this.#at = at
    this.#hits = at.map(() => 0)
  }

  /** @param scores of one row, from `start` on, `classes` of them */
  add(scores: ArrayLike<number>, start: number, classes: number, label: number): void {
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new InputError('bad-label', `Row ${this.#rows} has label ${label}; 0 to ${classes - 1} are known.`)
    const right = scores[start + label]!
    let before = 0
    for (let c = 0; c < classes; c++) if (c !== label && !(scores[start + c]! < right)) before++
    this.#at.forEach((k, i) => (this.#hits[i]! += before < k ? 1 : 0))
    this.#rows++
  }

  result(): Accuracy {
    return Object.fromEntries(this.#at.map((k, i) => [k, this.#rows === 0 ? 0 : this.#hits[i]! / this.#rows]))
  }
}

/**
 * Top-k accuracy of scores `[N, C]`.
 * @param labels the right class of each row @param at the k's; [1, 5] unless given
 */
export function topKAccuracy(scores: Tensor, labels: ArrayLike<number>, at?: readonly number[]): Accuracy {
  const { data, count, size } = rowsOf('scores', scores)
  if (labels.length !== count)
    throw new InputError('bad-label', `${labels.length} labels were given for ${count} rows of scores.`)
  const counter = new AccuracyCounter(at)
  for (let row = 0; row < count; row++) counter.add(data, row * size, size, labels[row]!)
  return counter.result()
}
