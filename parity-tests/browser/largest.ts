import { expect } from 'vitest'

/** The largest difference of two lists of the same length. */
export function largest(given: readonly number[], wanted: ArrayLike<number>): number {
  expect(given).toHaveLength(wanted.length)
  return given.reduce((worst, value, i) => Math.max(worst, Math.abs(value - wanted[i]!)), 0)
}
