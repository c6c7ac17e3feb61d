import type { Tensor } from '@dual-encoder/core'
import { float32Of, type WeightEntry } from '@dual-encoder/core/backend'

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
