import { CheckpointError } from '../base/errors'
import type { JsonObject } from '../base/pretrained-config'
import { float32Of, type Tensor, tensor } from '../base/tensor'
import type { WeightEntry } from './entry'

/* compressed-tensors' formats `int-quantized` and `pack-quantized`. */
const scaleName = (name: string): string => `${name}_scale`
const packedName = (name: string): string => `${name}_packed`
const shapeName = (name: string): string => `${name}_shape`
/** Bytes of one of its words. */
const WORD = 4

const LARGEST = 127
/** The byte that stands for 0. */
const ZERO = 128
/** Columns that have a scale together, where they divide all rows: as many as ONNX Runtime multiplies at once. */
const GROUPS = [32, 16]

/** How many columns of matrices so wide have a scale together; undefined where a row has one scale, since nothing divides it. */
export const groupOf = (widths: readonly number[]): number | undefined =>
  GROUPS.find((size) => widths.every((width) => width % size === 0))

/**
 * compressed-tensors' record of it in `config.json`.
 * @param ignore names of modules that stay float32
 */
export function quantizationConfig(size: number | undefined, ignore: readonly string[]): JsonObject {
  const strategy = size ? { strategy: 'group', group_size: size } : { strategy: 'channel' }
  const weights = { num_bits: 8, type: 'int', symmetric: true, ...strategy, dynamic: false }
  return {
    quant_method: 'compressed-tensors',
    format: size ? 'pack-quantized' : 'int-quantized',
    quantization_status: 'compressed',
    // Python computes in float32 with the dequantised weights.
    run_compressed: false,
    config_groups: { group_0: { targets: ['Linear', 'Embedding'], weights } },
    ignore,
  }
}

interface Quantized<D extends 'int8' | 'uint8'> {
  readonly values: Tensor<D>
  readonly scales: Tensor<'float32'>
}

/** Signed int8 of `[rows, columns]`, and the scale of each row, or of each `size` columns: a value is what is stored times it. */
export function quantize(value: Tensor, size?: number): Quantized<'int8'> {
  const data = float32Of(value)
  const rows = value.dims[0] ?? 1
  const width = size ?? data.length / rows
  const values = new Int8Array(data.length)
  const scales = new Float32Array(data.length / width)
  for (let group = 0, at = 0; group < scales.length; group++, at += width) {
    let largest = 0
    for (let i = at; i < at + width; i++) largest = Math.max(largest, Math.abs(data[i] as number))
    const scale = Math.fround(largest / LARGEST) || 1
    scales[group] = scale
    for (let i = at; i < at + width; i++) values[i] = Math.round((data[i] as number) / scale)
  }
  return { values: tensor(values, value.dims, 'int8'), scales: tensor(scales, [rows, scales.length / rows]) }
}

/** Int8 as bytes of which 128 is 0. */
function unsigned({ values, scales }: Quantized<'int8'>): Quantized<'uint8'> {
  return {
    values: tensor(
      Uint8Array.from(values.data, (value) => value + ZERO),
      values.dims,
      'uint8',
    ),
    scales,
  }
}

/** float16's largest number, and the least that has all its digits. */
const HALF = { largest: 65504, normal: 2 ** -14 }

/** Whether float16 moves no value by more than 1/2048 of the largest. */
export function holdsAsHalf(value: Tensor): boolean {
  const largest = float32Of(value).reduce((most, one) => Math.max(most, Math.abs(one)), 0)
  return largest === 0 || (largest >= HALF.normal && largest <= HALF.largest)
}

/** float32 of int8, or of bytes, `[rows, columns]` and scales `[rows, groups]`, each for so many columns. */
export function dequantize(values: Tensor, scales: Tensor): Tensor<'float32'> {
  const stored = values.data as Int8Array | Uint8Array
  const zero = values.dtype === 'uint8' ? ZERO : 0
  const factors = float32Of(scales)
  const width = stored.length / factors.length
  const data = new Float32Array(stored.length)
  for (let group = 0, at = 0; group < factors.length; group++)
    for (const end = at + width; at < end; at++) data[at] = ((stored[at] as number) - zero) * (factors[group] as number)
  return tensor(data, values.dims)
}

/**
 * What is written of a weight, as it is stored or made whenever it is read: int8 with a scale for each row, or words of four
 * bytes where `size` columns have one.
 */
export function quantizedParts({ name, shape, quantized, read }: WeightEntry, size?: number): WeightEntry[] {
  const [rows = 1, width = 1] = shape
  const groups = size ? width / size : 1
  const isStored = quantized?.values.storage === (size ? 'U8' : 'I8') && quantized.scales.shape[1] === groups
  const part = (key: 'values' | 'scales') => async () => {
    if (isStored) return quantized[key].read()
    const made = quantize(await read(), size)
    return (size ? unsigned(made) : made)[key]
  }
  const scales: WeightEntry = { name: scaleName(name), shape: [rows, groups], storage: 'F32', read: part('scales') }
  if (!size) return [{ name, shape, storage: 'I8', read: part('values') }, scales]
  const sizes = () => Promise.resolve(tensor(BigInt64Array.of(BigInt(rows), BigInt(width)), [2]))
  return [
    { name: packedName(name), shape: [rows, width / WORD], storage: 'I32', read: part('values') },
    scales,
    { name: shapeName(name), shape: [2], storage: 'I64', read: sizes },
  ]
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

/** Words of four bytes each as those bytes. */
function unpacked(words: WeightEntry, name: string): WeightEntry {
  const shape = words.shape.map((size, axis) => (axis === words.shape.length - 1 ? size * WORD : size))
  const read = async () => {
    const { buffer, byteOffset, byteLength } = (await words.read()).data as Int32Array<ArrayBuffer>
    return tensor(new Uint8Array(buffer, byteOffset, byteLength), shape)
  }
  return { ...words, name, shape, storage: 'U8', read }
}

const PACKED = packedName('')

/** compressed-tensors keeps a quantised `X.weight` as int8, or packed into words, beside `X.weight_scale`: they become one weight. */
export function joinScales(weights: Map<string, WeightEntry>, where: string): Map<string, WeightEntry> {
  const joined = new Map(weights)
  for (const entry of weights.values()) {
    const isPacked = entry.storage === 'I32' && entry.name.endsWith(PACKED)
    const name = isPacked ? entry.name.slice(0, -PACKED.length) : entry.name
    const scales = weights.get(scaleName(name))
    if (!scales || (!isPacked && entry.storage !== 'I8')) continue
    joined.set(name, dequantized(isPacked ? unpacked(entry, name) : entry, scales, where))
    for (const part of [scaleName, ...(isPacked ? [packedName, shapeName] : [])]) joined.delete(part(name))
  }
  return joined
}

/** The weights as a file stores them: two where int8 values have scales beside them. */
export const storedParts = (entry: WeightEntry): WeightEntry[] =>
  entry.quantized ? [entry.quantized.values, entry.quantized.scales] : [entry]
