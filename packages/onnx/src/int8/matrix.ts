import type { Tensor } from '@dual-encoder/core'
import { float32Of, type WeightEntry } from '@dual-encoder/core/backend'
import { simdMeasure } from './simd'

/** Gains and columns of zeros have no root to divide by. */
const LEAST = 1e-5

/**
 * A weight `[out, in]` as it is stored: values, times a scale for each row, or `[out, groups]`. Of an int8 file nothing is
 * made float32: that would cost more than all that is done with it here, in time and in memory.
 */
export interface Matrix {
  readonly values: Int8Array | Float32Array
  readonly scales: Float32Array
  readonly outputs: number
  readonly inputs: number
}

/** What a matrix is read of, and the matrix of its values. */
interface StoredMatrix {
  readonly of: readonly WeightEntry[]
  matrix(values: readonly Tensor[]): Matrix
}

/** @param inRows whether a row may have no more than one scale */
export function storedMatrix(entry: WeightEntry, inRows: boolean): StoredMatrix {
  const { shape, quantized } = entry
  const [outputs = 0, inputs = 0] = shape
  const isInt8 = quantized && (!inRows || quantized.scales.shape[1] === 1)
  return {
    of: isInt8 ? [quantized.values, quantized.scales] : [entry],
    matrix: ([values, scales]) => ({
      values: isInt8 ? ((values as Tensor).data as Int8Array) : float32Of(values as Tensor),
      scales: isInt8 ? float32Of(scales as Tensor) : new Float32Array(outputs).fill(1),
      outputs,
      inputs,
    }),
  }
}

/** What is to be known of a matrix before it is rounded. */
export interface Measures {
  /** The largest absolute value of each column `[in]`. */
  readonly largest: Float32Array
  /** The matrix times a vector, `[out]`. */
  readonly products: Float64Array
}

/** @param x `[in]`, times which the matrix is taken */
export function measure(matrix: Matrix, x: Float32Array): Measures {
  const { values, scales, outputs, inputs } = matrix
  const largest = new Float32Array(inputs).fill(LEAST)
  const sums = simdMeasure(matrix, x, largest)
  if (sums) return { largest, products: sums.map((sum, row) => sum * (scales[row] as number)) }
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
