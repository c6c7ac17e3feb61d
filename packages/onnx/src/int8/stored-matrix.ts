import type { Tensor } from '@dual-encoder/core'
import { dequantize, float32Of, tensor } from '@dual-encoder/core/backend'

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

/** @param stored float32, or int8 or bytes and their scales (`storedParts`) */
export function matrixOf([values, scales]: readonly Tensor[]): Matrix {
  const { dims, data } = values as Tensor
  const [outputs = 0, inputs = 0] = dims
  return {
    values: scales ? (data as Int8Array | Uint8Array) : float32Of(values as Tensor),
    scales: scales ? float32Of(scales) : new Float32Array(outputs).fill(1),
    outputs,
    inputs,
  }
}

/** The same without groups or bytes. */
export function ungrouped(matrix: Matrix): Matrix & { readonly values: Int8Array | Float32Array } {
  const { values, scales, outputs, inputs } = matrix
  if (scales.length === outputs && !(values instanceof Uint8Array)) return { ...matrix, values }
  const whole = dequantize(tensor(values, [outputs, inputs]), tensor(scales, [outputs, scales.length / outputs]))
  return { ...matrix, values: whole.data, scales: new Float32Array(outputs).fill(1) }
}
