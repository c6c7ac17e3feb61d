import { tensor, type Tensor } from '../base/tensor'
import type { Ops } from './ops'

/** Cosines and sines `[L, 1, headSize]`, or `[B, L, 1, headSize]`, of a rotary embedding; the sines of the first half are negated. */
export interface Rotation<T> {
  readonly cos: T
  readonly sin: T
}

/** From the angles `[L][headSize / 2]`, after `prefix` rows that are not turned. */
export function rotationOf(angles: readonly (readonly number[])[], prefix = 0): Rotation<Tensor<'float32'>> {
  const half = angles[0]?.length ?? 0
  const rows = prefix + angles.length
  const [cos, sin] = [new Float32Array(rows * 2 * half).fill(1), new Float32Array(rows * 2 * half)]
  angles.forEach((row, i) => {
    row.forEach((angle, k) => {
      const at = (prefix + i) * 2 * half + k
      cos[at] = cos[at + half] = Math.cos(angle)
      sin[at + half] = Math.sin(angle)
      sin[at] = -Math.sin(angle)
    })
  })
  return { cos: tensor(cos, [rows, 1, 2 * half]), sin: tensor(sin, [rows, 1, 2 * half]) }
}

/** What a run wants of tokens along `axis` where the first may be enough. */
export const firstTokens = <T>(ops: Ops<T>, x: T, axis: number): T =>
  ops.firstTokens?.(x, axis) ?? ops.slice(x, axis, 0, 1)

/**
 * Turns each head of x `[B, L, heads * headSize]`: the first half of its values against the second. `firstOnly`: x is
 * token 0 alone.
 */
export function rotate<T>(
  ops: Ops<T>,
  x: T,
  { cos, sin }: Rotation<T>,
  { heads, headSize, firstOnly }: { readonly heads: number; readonly headSize: number; readonly firstOnly?: boolean },
): T {
  const table = (all: T): T => {
    const values = ops.ofTokens?.(all) ?? all
    return firstOnly ? firstTokens(ops, values, -3) : values
  }
  const split = ops.reshape(x, [0, 0, heads, headSize])
  const swapped = ops.concat([ops.slice(split, 3, headSize / 2), ops.slice(split, 3, 0, headSize / 2)], 3)
  const turned = ops.add(ops.mul(split, table(cos)), ops.mul(swapped, table(sin)))
  return ops.reshape(turned, [0, 0, heads * headSize])
}
