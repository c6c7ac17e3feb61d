import { InputError, OptionError } from '../base/errors'

export interface Hit {
  /** Row of `embeddings`. */
  readonly index: number
  /** Dot product: the cosine where both sides are normalised. */
  readonly score: number
}

export function checkK(k: number): void {
  if (!Number.isInteger(k) || k < 1) throw new OptionError('bad-k', `k is ${k}; a positive integer is needed.`)
}

/** @throws InputError where a row of a query holds NaN */
export function checkQuery(vector: Float32Array, row = 0): void {
  if (vector.some(Number.isNaN))
    throw new InputError('nan-query', `Row ${row} of query holds NaN, so nothing is near it. Embed it anew.`)
}

/** The `k` best of what is offered, best first; of equal scores the one that came first. NaN is none. */
export class Best {
  readonly hits: Hit[] = []
  readonly #k: number

  constructor(k: number) {
    this.#k = k
  }

  offer(index: number, score: number): void {
    const { hits } = this
    const worst = hits.at(-1)
    if (Number.isNaN(score) || (hits.length === this.#k && worst && worst.score >= score)) return
    const at = hits.findIndex((hit) => hit.score < score)
    hits.splice(at < 0 ? hits.length : at, 0, { index, score })
    hits.length = Math.min(hits.length, this.#k)
  }
}
