import { createHash } from 'node:crypto'

/** A number in [0, 1) that a name decides. @param {string} name */
export const hashUnit = (name) => createHash('sha256').update(name).digest().readUInt32LE(0) / 2 ** 32

/** Random choices that a name decides: the same on every machine. @param {string} name */
export function rng(name) {
  let at = 0
  const unit = () => hashUnit(`${name}#${at++}`)
  const below = (/** @type {number} */ n) => Math.floor(unit() * n)
  return {
    unit,
    below,
    /** @template T @param {readonly T[]} items @returns {T} */
    of: (items) => /** @type {T} */ (items[below(items.length)]),
    /** Different ones, in random order. @template T @param {readonly T[]} items @param {number} count */
    some(items, count) {
      const left = [...items]
      return Array.from(
        { length: Math.min(count, left.length) },
        () => /** @type {T} */ (left.splice(below(left.length), 1)[0]),
      )
    },
  }
}
