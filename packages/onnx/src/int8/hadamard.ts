import type { Tensor } from '@dual-encoder/core'
import { tensor } from '@dual-encoder/core/backend'

/*
 * A few values of a row that are far larger than all others would have its bytes to themselves. Turned, which is to say
 * multiplied by a Hadamard matrix, so many values at once share what is large (QuaRot, arXiv 2404.00456); done to activations
 * and weights alike it changes no product. Of four values the matrix takes each from the sum of the others
 * (`[1 1 1 -1]`, `[1 1 -1 1]` ...), so that what all of them have in common is shared out too.
 */

/** Values of a row that are turned together, at most: 32 to 128 lose alike. */
const LARGEST_TURN = 64

/** The largest power of two that divides rows so long; values are turned so many at once. */
export function turnOf(inputs: number): number {
  let size = 1
  while (size < LARGEST_TURN && inputs % (2 * size) === 0) size *= 2
  return size
}

/** Each `size` values times the matrix: fours of them at once, 1, 4, 16 apart, and the pairs that are left. */
export function turned(values: Int8Array | Float32Array, size: number): Float32Array {
  const result = Float32Array.from(values)
  // Plain loops: these run before the engine has compiled them.
  const of = (at: number) => result[at] as number
  let apart = 1
  for (; apart * 4 <= size; apart *= 4)
    for (let first = 0; first < result.length; first += 4 * apart)
      for (let at = first; at < first + apart; at++) {
        const a = of(at)
        const b = of(at + apart)
        const c = of(at + 2 * apart)
        const d = of(at + 3 * apart)
        result[at] = a + b + (c - d)
        result[at + apart] = a + b - (c - d)
        result[at + 2 * apart] = c + d + (a - b)
        result[at + 3 * apart] = c + d - (a - b)
      }
  if (apart === size) return result
  for (let at = 0; at < result.length; at++) {
    if (at & apart) continue
    const a = of(at)
    const b = of(at + apart)
    result[at] = a + b
    result[at + apart] = a - b
  }
  return result
}

const matrices = new Map<number, Tensor>()

/** `[size, size]`, what `turned` multiplies by, over `size`: it undoes that. The same tensor each time: graphs store it once. */
export function hadamard(size: number): Tensor {
  const known = matrices.get(size)
  if (known) return known
  const unit = new Float32Array(size * size)
  for (let i = 0; i < size; i++) unit[i * (size + 1)] = 1 / size
  const matrix = tensor(turned(unit, size), [size, size])
  matrices.set(size, matrix)
  return matrix
}
