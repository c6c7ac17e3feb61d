import { type Tensor, tensor } from '@dual-encoder/core'
import { float32Of, quantizedWeight, quantizeRows, type WeightEntry } from '@dual-encoder/core/backend'

/** The byte of a block that stands for 0. */
const ZERO = 128

/**
 * Bytes `[out, blocks, size]` and scales `[out, blocks]` of a weight `[out, in]`, zeros behind the end of a row. What a
 * file holds as int8 stays what it is where its groups of columns are whole blocks.
 */
export async function blocksOf({ shape, quantized, read }: WeightEntry, size: number): Promise<Tensor[]> {
  const [outputs = 0, inputs = 0] = shape
  const blocks = Math.ceil(inputs / size)
  const groups = quantized?.scales.shape[1] ?? 0
  const dims = [outputs, blocks, size]
  if (quantized && (groups === 1 || (inputs / groups) % size === 0)) {
    const factors = float32Of(await quantized.scales.read())
    const scales = Float32Array.from({ length: outputs * blocks }, (_, i) => {
      const [row, block] = [Math.floor(i / blocks), i % blocks]
      return factors[row * groups + Math.floor((block * groups) / blocks)] as number
    })
    const bytes = bytesOf((await quantized.values.read()).data as Int8Array, outputs, blocks * size)
    return [tensor(bytes, dims), tensor(scales, [outputs, blocks])]
  }
  const whole = paddedRows(float32Of(await read()), outputs, blocks * size)
  const { values, scales } = quantizeRows(tensor(whole, [outputs * blocks, size]))
  return [tensor(bytesOf(values.data, outputs, blocks * size), dims), tensor(float32Of(scales), [outputs, blocks])]
}

/** Rows as bytes, made `width` long. */
function bytesOf(values: Int8Array, rows: number, width: number): Uint8Array {
  const given = values.length / rows
  const bytes = new Uint8Array(rows * width).fill(ZERO)
  for (let row = 0, at = 0; row < rows; row++)
    for (let i = row * width, end = i + given; i < end; i++, at++) bytes[i] = (values[at] as number) + ZERO
  return bytes
}

function paddedRows(values: Float32Array, rows: number, width: number): Float32Array {
  const given = values.length / rows
  if (given === width) return values
  const padded = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) padded.set(values.subarray(row * given, (row + 1) * given), row * width)
  return padded
}

/** Values `[in, out]`, scales `[out]`, and the sums `[1, out]` of the rows of a weight `[out, in]`. */
export async function rowsOf(entry: WeightEntry): Promise<Tensor[]> {
  const { values, scales } = quantizedWeight(entry)
  const stored = (await values.read()).data as Int8Array
  const factors = float32Of(await scales.read())
  const [outputs = 0, inputs = 0] = entry.shape
  const transposed = new Int8Array(stored.length)
  const sums = new Float32Array(outputs)
  for (let row = 0, at = 0; row < outputs; row++) {
    let sum = 0
    for (let column = 0; column < inputs; column++, at++) {
      const value = stored[at] as number
      transposed[column * outputs + row] = value
      sum += value
    }
    sums[row] = sum * (factors[row] as number)
  }
  return [tensor(transposed, [inputs, outputs]), tensor(factors, [outputs]), tensor(sums, [1, outputs])]
}
