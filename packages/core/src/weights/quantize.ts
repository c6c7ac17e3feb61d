import { CheckpointError } from '../base/errors'
import { float32Of, type Tensor, tensor } from '../base/tensor'
import type { QuantizedWeight, WeightEntry } from './entry'

/** What the scales of `X.weight` are called beside it: compressed-tensors' name. */
export const scaleName = (name: string): string => `${name}_scale`
const LARGEST = 127

/** Signed int8 of the rows of `[rows, ...]`, and the scale of each `[rows, 1]`: a value is what is stored times it. */
export function quantizeRows(value: Tensor): { values: Tensor<'int8'>; scales: Tensor<'float32'> } {
  const data = float32Of(value)
  const rows = value.dims[0] ?? 1
  const width = data.length / rows
  const values = new Int8Array(data.length)
  const scales = new Float32Array(rows)
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    let largest = 0
    for (let i = at; i < at + width; i++) largest = Math.max(largest, Math.abs(data[i] as number))
    const scale = Math.fround(largest / LARGEST) || 1
    scales[row] = scale
    for (let i = at; i < at + width; i++) values[i] = Math.round((data[i] as number) / scale)
  }
  return { values: tensor(values, value.dims, 'int8'), scales: tensor(scales, [rows, 1]) }
}

/** float32 of int8 `[rows, columns]` and their scales: one for each row, or `[rows, groups]`, one for each so many columns. */
export function dequantize(values: Tensor, scales: Tensor): Tensor<'float32'> {
  const stored = values.data as Int8Array
  const factors = float32Of(scales)
  const width = stored.length / factors.length
  const data = new Float32Array(stored.length)
  for (let group = 0, at = 0; group < factors.length; group++)
    for (const end = at + width; at < end; at++) data[at] = (stored[at] as number) * (factors[group] as number)
  return tensor(data, values.dims)
}

/** A weight as int8: as it is stored, or made of its values whenever it is read. */
export function quantizedWeight(entry: WeightEntry): QuantizedWeight {
  const { name, shape, quantized } = entry
  const rows = shape[0] ?? 1
  if (quantized?.scales.shape[0] === rows && quantized.scales.shape.every((size, axis) => axis === 0 || size === 1))
    return quantized
  const part = (key: 'values' | 'scales') => async () => quantizeRows(await entry.read())[key]
  return {
    values: { name, shape, storage: 'I8', read: part('values') },
    scales: { name: scaleName(name), shape: [rows, 1], storage: 'F32', read: part('scales') },
  }
}

/** A weight of two that a file holds: int8 values and their scales. Whoever knows no int8 reads float32. */
function dequantized(values: WeightEntry, scales: WeightEntry, where: string): WeightEntry {
  const { name, shape } = values
  const [rows, groups = 1] = scales.shape
  if (shape.length !== 2 || rows !== shape[0] || groups < 1 || (shape[1] as number) % groups !== 0)
    throw new CheckpointError(
      'bad-scales',
      `${where}: "${name}" is int8 of ${JSON.stringify(shape)} and its scales are ${JSON.stringify(scales.shape)}; ` +
        `[${shape[0]}, 1] or [${shape[0]}, groups] is needed.`,
    )
  return {
    name,
    shape,
    storage: 'F32',
    quantized: { values, scales },
    read: async () => dequantize(await values.read(), await scales.read()),
  }
}

/** compressed-tensors keeps a quantised `X.weight` as int8 beside `X.weight_scale`: both become one weight. */
export function joinScales(weights: Map<string, WeightEntry>, where: string): Map<string, WeightEntry> {
  const int8 = [...weights.values()].filter(({ storage }) => storage === 'I8')
  if (int8.length === 0) return weights
  const joined = new Map(weights)
  for (const values of int8) {
    const { name } = values
    const scales = weights.get(scaleName(name))
    if (!scales) continue
    joined.set(name, dequantized(values, scales, where))
    joined.delete(scales.name)
  }
  return joined
}

/** The weights as a file stores them: two where int8 values have scales beside them. */
export const storedParts = (entry: WeightEntry): WeightEntry[] =>
  entry.quantized ? [entry.quantized.values, entry.quantized.scales] : [entry]
