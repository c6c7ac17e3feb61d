import { simdMeasure } from './simd'
import { type Matrix, ungrouped } from './stored-matrix'

/** Gains and columns of zeros have no root to divide by. */
const LEAST = 1e-5

/** What is to be known of a matrix before it is rounded. */
export interface Measures {
  /** The largest absolute value of each column `[in]`. */
  readonly largest: Float32Array
  /** The matrix times a vector, `[out]`. */
  readonly products: Float64Array
}

/**
 * @param x `[in]`, times which the matrix is taken
 * @param isEven whether the products alone are wanted: columns count as alike
 */
export function measure(matrix: Matrix, x: Float32Array, isEven = false): Measures {
  const largest = new Float32Array(matrix.inputs).fill(LEAST)
  const quick = simdMeasure(matrix, x, isEven ? undefined : largest)
  if (quick) return { largest, products: quick }
  const { values, scales, outputs, inputs } = ungrouped(matrix)
  const products = new Float64Array(outputs)
  for (let row = 0, at = 0; row < outputs; row++) {
    const scale = scales[row] as number
    let sum = 0
    for (let i = 0; i < inputs; i++, at++) {
      const value = values[at] as number
      sum += value * (x[i] as number)
      const size = Math.abs(value * scale)
      if (size > (largest[i] as number)) largest[i] = size
    }
    products[row] = sum * scale
  }
  return { largest, products }
}

/** What columns are multiplied by, and their gains divided, for each to be as far from its like in either. */
export const balance = ({ largest }: Measures, gains: Float32Array): Float32Array =>
  gains.map((gain, i) => Math.sqrt(Math.max(Math.abs(gain), LEAST) / (largest[i] as number)))

/** The same where all columns of the matrix count as alike, so that matrices behind one norm read the same of it. */
export const evenly = (gains: Float32Array): Float32Array =>
  gains.map((gain) => Math.sqrt(Math.max(Math.abs(gain), LEAST)))
