import { float32Of, sizeOf, tensor } from '../base/tensor'
import type { WeightEntry } from './entry'
import { STORAGE } from './safetensors/dtypes'

const rowsIn = ({ shape }: WeightEntry): number => shape[0] ?? 0

/** What float64 is read as. */
const readAs = (storage: WeightEntry['storage']): WeightEntry['storage'] => (storage === 'F64' ? 'F32' : storage)

/** Weights as one, its rows after one another. All are alike but for the number of their rows. */
export function joinedRows(name: string, parts: readonly WeightEntry[]): WeightEntry {
  const [{ shape, storage }] = parts as [WeightEntry]
  const dims = [parts.reduce((sum, part) => sum + rowsIn(part), 0), ...shape.slice(1)]
  return {
    name,
    origin: parts.map((part) => part.origin ?? part.name).join(' and '),
    change: 'joined',
    shape: dims,
    storage: readAs(storage),
    async read() {
      const values = await Promise.all(parts.map((part) => part.read()))
      const data = new Float32Array(sizeOf(dims))
      let at = 0
      for (const value of values) {
        data.set(float32Of(value), at)
        at += value.data.length
      }
      return tensor(data, dims)
    },
  }
}

/** Rows `[start, end)` of a weight, as one of its own, int8 where that is: where they lie is known, if that of the whole is. */
export function someRows(entry: WeightEntry, name: string, start: number, end: number): WeightEntry {
  const { shape, storage, location, quantized } = entry
  const part = (whole: WeightEntry) => someRows(whole, `${whole.name}.${start}`, start, end)
  const shapeOfRow = shape.slice(1)
  const size = sizeOf(shapeOfRow)
  const bytes = size * STORAGE[storage].size
  return {
    name,
    origin: entry.origin ?? entry.name,
    change: `rows ${start} to ${end}`,
    shape: [end - start, ...shapeOfRow],
    storage,
    location: location && { ...location, offset: location.offset + start * bytes, length: (end - start) * bytes },
    quantized: quantized && { values: part(quantized.values), scales: part(quantized.scales) },
    async read() {
      const { data, dtype } = await entry.read()
      return tensor(data.slice(start * size, end * size), [end - start, ...shapeOfRow], dtype)
    },
  }
}

/** One value, as `[1]` or `[]`: TensorFlow's logit scale is `[1]`. */
export const shapedAs = (entry: WeightEntry, shape: readonly number[] | undefined): WeightEntry =>
  shape && entry.shape.length !== shape.length && entry.shape.every((size) => size === 1)
    ? { ...entry, shape, read: async () => ({ ...(await entry.read()), dims: shape }) }
    : entry
