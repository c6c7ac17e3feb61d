/** Rows of one length. */
export interface Rows {
  readonly data: Float32Array
  readonly count: number
  readonly size: number
}

/** Rows of b that stay in the processor's cache while rows of a pass over them. */
export const DOT_BLOCK = 256

/** Dot product of row `i` of a and row `j` of b, summed from the first value on, as `dotRow` sums. */
export function dot(a: Rows, i: number, b: Rows, j: number): number {
  const [from, to, size] = [i * a.size, j * a.size, a.size]
  let sum = 0
  for (let d = 0; d < size; d++) sum += a.data[from + d]! * b.data[to + d]!
  return sum
}

/**
 * `out[j - start]` = row `i` of a times rows `[start, end)` of b. Four rows at a time, each summed in the same order, so
 * that equal rows have equal products wherever they stand.
 */
export function dotRow(a: Rows, i: number, b: Rows, start: number, end: number, out: Float64Array): void {
  const { size } = a
  const [x, y] = [a.data, b.data]
  const from = i * size
  let j = start
  for (; j + 4 <= end; j += 4) {
    const [j0, j1, j2, j3] = [j * size, (j + 1) * size, (j + 2) * size, (j + 3) * size]
    let [s0, s1, s2, s3] = [0, 0, 0, 0]
    for (let d = 0; d < size; d++) {
      const value = x[from + d]!
      s0 += value * y[j0 + d]!
      s1 += value * y[j1 + d]!
      s2 += value * y[j2 + d]!
      s3 += value * y[j3 + d]!
    }
    out[j - start] = s0
    out[j - start + 1] = s1
    out[j - start + 2] = s2
    out[j - start + 3] = s3
  }
  for (; j < end; j++) out[j - start] = dot(a, i, b, j)
}
