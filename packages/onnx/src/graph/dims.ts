import type { Dim } from '@dual-encoder/core/backend'

/** A product of sizes: a number times names in order, `12*batch*length`. */
interface Product {
  readonly number: number
  readonly names: readonly string[]
}

const factors = (dim: Dim): Product => {
  if (typeof dim === 'number') return { number: dim, names: [] }
  const parts = dim.split('*')
  return {
    number: parts.filter((part) => /^\d+$/.test(part)).reduce((product, part) => product * Number(part), 1),
    names: parts.filter((part) => !/^\d+$/.test(part)),
  }
}

const dimOf = ({ number, names }: Product): Dim =>
  names.length === 0 ? number : [...(number === 1 ? [] : [number]), ...names].join('*')

function product(dims: readonly Dim[]): Product {
  const all = dims.map(factors)
  return {
    number: all.reduce((result, { number }) => result * number, 1),
    names: all.flatMap(({ names }) => names).sort(),
  }
}

/** How many rows a value has, whatever axes they lie along. */
export const rowCount = (dims: readonly Dim[]): Dim => dimOf(product(dims.slice(0, -1)))

/** The size that is left of `dims` after all of `taken` but one. */
export function restOf(dims: readonly Dim[], taken: readonly Dim[]): Dim {
  const [whole, part] = [product(dims), product(taken)]
  const names = [...whole.names]
  for (const name of part.names) names.splice(names.indexOf(name), 1)
  return dimOf({ number: whole.number / part.number, names })
}

/** The sizes of two values after NumPy's broadcasting; a name that the other side lacks is taken as it is. */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length)
  const at = (dims: readonly Dim[], axis: number): Dim => dims[axis - rank + dims.length] ?? 1
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [at(a, axis), at(b, axis)]
    return x === 1 ? y : y === 1 || typeof x === 'number' ? x : y
  })
}

/** An axis counted from 0. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
