import { float32Of, type WeightEntry } from '@dual-encoder/core/backend'

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

/** @param inRows whether a row may have no more than one scale */
export async function matrixOf({ shape, quantized, read }: WeightEntry, inRows: boolean): Promise<Matrix> {
  const [outputs = 0, inputs = 0] = shape
  if (quantized && (!inRows || quantized.scales.shape[1] === 1)) {
    const values = (await quantized.values.read()).data as Int8Array
    return { values, scales: float32Of(await quantized.scales.read()), outputs, inputs }
  }
  return { values: float32Of(await read()), scales: new Float32Array(outputs).fill(1), outputs, inputs }
}

/** `sums` `[out]` plus the matrix times `x` `[in]`. */
export function addProducts(sums: Float32Array, { values, scales, inputs }: Matrix, x: Float32Array): void {
  for (let row = 0, at = 0; row < sums.length; row++) {
    let sum = 0
    for (let i = 0; i < inputs; i++, at++) sum += (values[at] as number) * (x[i] as number)
    sums[row] = (sums[row] as number) + sum * (scales[row] as number)
  }
}

/** What the columns are multiplied by, and the gains divided, for each to be as far from its like in either. */
export function balance({ values, scales, outputs, inputs }: Matrix, gains: Float32Array): Float32Array {
  const largest = new Float32Array(inputs).fill(LEAST)
  for (let row = 0, at = 0; row < outputs; row++) {
    const scale = scales[row] as number
    for (let i = 0; i < inputs; i++, at++) {
      const size = Math.abs((values[at] as number) * scale)
      if (size > (largest[i] as number)) largest[i] = size
    }
  }
  return gains.map((gain, i) => Math.sqrt(Math.max(Math.abs(gain), LEAST) / (largest[i] as number)))
}
