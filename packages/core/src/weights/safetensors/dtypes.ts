import type { DType, Tensor } from '../../base/tensor'
import { tensor } from '../../base/tensor'
import type { StorageType } from '../entry'

/** Bytes of a value, and the type it has in memory; in the order in which the reference implementation writes them. */
export const STORAGE: Readonly<Record<StorageType, { readonly size: number; readonly dtype: DType }>> = {
  U64: { size: 8, dtype: 'uint64' },
  I64: { size: 8, dtype: 'int64' },
  F64: { size: 8, dtype: 'float64' },
  F32: { size: 4, dtype: 'float32' },
  U32: { size: 4, dtype: 'uint32' },
  I32: { size: 4, dtype: 'int32' },
  BF16: { size: 2, dtype: 'float32' },
  F16: { size: 2, dtype: 'float32' },
  U16: { size: 2, dtype: 'uint16' },
  I16: { size: 2, dtype: 'int16' },
  I8: { size: 1, dtype: 'int8' },
  U8: { size: 1, dtype: 'uint8' },
  BOOL: { size: 1, dtype: 'bool' },
}

export const STORAGE_OF: Readonly<Record<DType, StorageType>> = {
  float64: 'F64',
  float32: 'F32',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
}

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

/** Half-precision bits, rounded to nearest even; beyond 65504 infinity. */
function toFloat16(value: number): number {
  float[0] = value
  const x = bits[0] as number
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24, and a float64 product is exact.
    const scaled = Math.abs(float[0]) * 2 ** 24
    const floor = Math.floor(scaled)
    const rest = scaled - floor
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

/** bfloat16 bits, rounded to nearest even. */
function toBFloat16(value: number): number {
  float[0] = value
  const x = bits[0] as number
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff
}

let table: Float32Array | undefined

/** Every half-precision number by its bits: looked up, because computing each takes ten times as long. */
function float16Table(): Float32Array {
  if (table) return table
  table = new Float32Array(65_536)
  const all = new Uint32Array(table.buffer)
  // Whole numbers alone, which are quick before this is compiled: exponents of float32 begin 112 lower.
  for (let half = 0; half < 0x7c00; half++) all[half] = (half << 13) + (112 << 23)
  for (let half = 0; half < 0x400; half++) table[half] = half * 2 ** -24
  for (let half = 0x7c00; half < 0x8000; half++) all[half] = 0x7f800000 | ((half & 0x3ff) << 13)
  for (let half = 0; half < 0x8000; half++) all[half | 0x8000] = (all[half] as number) | 0x80000000
  return table
}

/** The tensor of raw little-endian bytes; half precision becomes float32. Copies only what is not aligned. */
export function decode(bytes: Uint8Array, storage: StorageType, shape: readonly number[]): Tensor {
  const { size, dtype } = STORAGE[storage]
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  const { buffer, byteOffset, byteLength } = aligned
  if (storage === 'F16' || storage === 'BF16') {
    const halves = new Uint16Array(buffer, byteOffset, byteLength / 2)
    const data = new Float32Array(halves.length)
    if (storage === 'BF16') {
      const view = new Uint32Array(data.buffer)
      for (let i = 0; i < halves.length; i++) view[i] = (halves[i] as number) << 16
    } else {
      const values = float16Table()
      for (let i = 0; i < halves.length; i++) data[i] = values[halves[i] as number] as number
    }
    return tensor(data, shape)
  }
  const data = new ARRAYS[dtype](buffer as ArrayBuffer, byteOffset, byteLength / size)
  return tensor(data, shape, dtype)
}

/** The nearest values that half precision holds, in float32. */
export function roundTo(value: Tensor, dtype: 'float16' | 'bfloat16'): Tensor {
  const storage = dtype === 'float16' ? 'F16' : 'BF16'
  return decode(encode(value, storage).bytes, storage, value.dims)
}

/** Raw little-endian bytes of a tensor. @returns how many finite values `storage` cannot hold, as `overflow`. */
export function encode(value: Tensor, storage: StorageType): { bytes: Uint8Array; overflow: number } {
  const { data, dtype } = value
  if (storage === 'F16')
    return narrowed(data, new Uint16Array(data.length), toFloat16, (half) => (half & 0x7fff) === 0x7c00)
  if (storage === 'BF16')
    return narrowed(data, new Uint16Array(data.length), toBFloat16, (half) => (half & 0x7fff) === 0x7f80)
  if (storage === 'F32' && dtype !== 'float32')
    return narrowed(data, new Float32Array(data.length), Math.fround, (single) => !Number.isFinite(single))
  return { bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), overflow: 0 }
}

function narrowed(
  data: Tensor['data'],
  out: Uint16Array | Float32Array,
  narrow: (value: number) => number,
  isInfinite: (stored: number) => boolean,
): { bytes: Uint8Array; overflow: number } {
  let overflow = 0
  for (let i = 0; i < out.length; i++) {
    const number = Number(data[i])
    const stored = narrow(number)
    out[i] = stored
    if (isInfinite(stored) && Number.isFinite(number)) overflow++
  }
  return { bytes: new Uint8Array(out.buffer), overflow }
}
