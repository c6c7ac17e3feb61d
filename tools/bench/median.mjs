/** The middle one, of an even number the upper of the two. */
export const median = (/** @type {readonly number[]} */ values) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
