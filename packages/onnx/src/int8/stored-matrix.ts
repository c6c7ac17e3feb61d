import type { Tensor } from '@dual-encoder/core'
import { dequantize, float32Of, tensor, type WeightEntry } from '@dual-encoder/core/backend'

/**
 * A weight `[out, in]` as it is stored: values, times a scale for each row, or `[out, groups]`; of bytes 128 is 0. Of an
 * int8 file nothing is made float32: that would cost more than all that is done with it here, in time and in memory.
 */
export interface Matrix {
  readonly values: Int8Array | Uint8Array | Float32Array
  readonly scales: Float32Array
  readonly outputs: number
  readonly inputs: number
}

/** What a matrix is read of, and the matrix of its values. */
interface StoredMatrix {
  readonly of: readonly WeightEntry[]
  matrix(values: readonly Tensor[]): Matrix
}

export function storedMatrix({ quantized, ...entry }: WeightEntry): StoredMatrix {
  const [outputs = 0, inputs = 0] = entry.shape
  return {
    of: quantized ? [quantized.values, quantized.scales] : [entry],
    matrix: ([values, scales]) => ({
      values: quantized ? ((values as Tensor).data as Int8Array | Uint8Array) : float32Of(values as Tensor),
      scales: quantized ? float32Of(scales as Tensor) : new Float32Array(outputs).fill(1),
      outputs,
      inputs,
    }),
  }
}

/** The same without groups or bytes. */
export function ungrouped(matrix: Matrix): Matrix & { readonly values: Int8Array | Float32Array } {
  const { values, scales, outputs, inputs } = matrix
  if (scales.length === outputs && !(values instanceof Uint8Array)) return { ...matrix, values }
  const whole = dequantize(tensor(values, [outputs, inputs]), tensor(scales, [outputs, scales.length / outputs]))
  return { ...matrix, values: whole.data, scales: new Float32Array(outputs).fill(1) }
}
