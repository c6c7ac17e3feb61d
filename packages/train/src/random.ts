import { scramble } from '@dual-encoder/core/backend'

const GOLDEN = 0x9e3779b9

/** One number from several, each of which matters. */
export const mix = (...parts: readonly number[]): number =>
  parts.reduce((seed, part) => scramble(seed ^ Math.imul(scramble(part + GOLDEN), GOLDEN)), GOLDEN)

/**
 * Random numbers that are the same for the same parts (a seed, an epoch, a sample), whoever draws them and whenever:
 * nothing is kept that a resumed run would have to restore.
 */
export class Random {
  readonly #stream: number
  #drawn = 0

  constructor(...parts: readonly number[]) {
    this.#stream = mix(...parts)
  }

  /** In [0, 1). */
  next(): number {
    return scramble(this.#stream + Math.imul(++this.#drawn, GOLDEN)) / 2 ** 32
  }
  /** In [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next()
  }
  /** 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }
}

/** 0 to count - 1 in an order that the parts decide (Fisher and Yates). */
export function permutation(count: number, ...parts: readonly number[]): Uint32Array {
  const random = new Random(...parts)
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
