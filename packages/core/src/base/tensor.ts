import { InputError } from './errors'

/** The array that holds each dtype. */
export interface TensorData {
  float32: Float32Array
  float64: Float64Array
  int8: Int8Array
  uint8: Uint8Array
  int16: Int16Array
  uint16: Uint16Array
  int32: Int32Array
  uint32: Uint32Array
  int64: BigInt64Array
  uint64: BigUint64Array
  bool: Uint8Array
}

export type DType = keyof TensorData

/** The dtype whose values an array holds. */
export type DTypeOf<A> = { [D in DType]: A extends TensorData[D] ? D : never }[DType]

/** A host tensor: row-major `data` of `dims`. What every backend takes and returns. */
export interface Tensor<D extends DType = DType> {
  readonly dims: readonly number[]
  readonly dtype: D
  readonly data: TensorData[D]
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>

export const sizeOf = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1)

/** Whether `data` is the array that holds a dtype. Also of another realm (a test environment's, a frame's). */
export function isTensorData(data: unknown, dtype: DType): boolean {
  return Object.hasOwn(ARRAYS, dtype) && Object.prototype.toString.call(data) === `[object ${ARRAYS[dtype].name}]`
}

/** The values as float32: the tensor's own array where that is what it holds. */
export const float32Of = ({ data }: Tensor): Float32Array =>
  data instanceof Float32Array ? data : Float32Array.from(data as Iterable<number>, Number)

function dtypeOf(data: TensorData[DType]): DType {
  for (const [dtype, type] of Object.entries(ARRAYS)) if (data instanceof type) return dtype as DType
  throw new InputError('tensor-data', 'A tensor needs a typed array as data.')
}

/**
 * A tensor over `data` (not copied). Plain number arrays become float32 unless `dtype` says otherwise.
 * @throws InputError where the data's length is not the product of `dims`, or its type not that of `dtype`.
 */
export function tensor<D extends DType>(data: TensorData[D], dims: readonly number[], dtype: D): Tensor<D>
export function tensor<A extends TensorData[DType]>(data: A, dims: readonly number[]): Tensor<DTypeOf<A>>
export function tensor<D extends DType = 'float32'>(
  data: readonly number[] | readonly bigint[],
  dims: readonly number[],
  dtype?: D,
): Tensor<D>
export function tensor<D extends DType>(
  data: TensorData[D] | readonly number[] | readonly bigint[],
  dims: readonly number[],
  dtype?: D,
): Tensor<D> {
  if (dtype !== undefined && !Object.hasOwn(ARRAYS, dtype))
    throw new InputError(
      'tensor-dtype',
      `tensor: dtype is ${JSON.stringify(dtype)}. Should be one of: ${Object.keys(ARRAYS).join(', ')}.`,
    )
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isInteger(dim) && dim >= 0))
    throw new InputError('tensor-dims', `tensor: dims is ${JSON.stringify(dims)}; a list of whole numbers is needed.`)
  const view = Array.isArray(data)
    ? fromArray(data as readonly (number | bigint)[], dtype ?? 'float32')
    : (data as TensorData[DType])
  const held = dtypeOf(view)
  if (dtype !== undefined && !isTensorData(view, dtype))
    throw new InputError(
      'tensor-dtype',
      `tensor: dtype is "${dtype}", but data is a ${view.constructor.name} (${held}).`,
    )
  const size = sizeOf(dims)
  if (view.length !== size)
    throw new InputError(
      'tensor-size',
      `tensor: ${view.length} values given for dims [${dims.join(', ')}], which hold ${size}.`,
    )
  return { dims: [...dims], dtype: dtype ?? (held as D), data: view as TensorData[D] }
}

function fromArray(values: readonly (number | bigint)[], dtype: DType): TensorData[DType] {
  const fraction = dtype.startsWith('float')
    ? undefined
    : values.find((value) => typeof value !== 'bigint' && !Number.isInteger(value))
  if (fraction !== undefined)
    throw new InputError('tensor-data', `tensor: dtype is "${dtype}", but ${String(fraction)} is among the values.`)
  if (dtype === 'int64') return BigInt64Array.from(values, (value) => BigInt(value))
  if (dtype === 'uint64') return BigUint64Array.from(values, (value) => BigInt(value))
  return ARRAYS[dtype].from(values.map(Number))
}

/** Rows `[start, end)` of a tensor, its values in the same memory. */
export function sliceRows<T extends Tensor>(x: T, start: number, end: number): T {
  const width = x.data.length / (x.dims[0] as number)
  const data = (x.data as Float32Array).subarray(start * width, end * width)
  return { ...x, dims: [end - start, ...x.dims.slice(1)], data }
}

/** Tensors of the same sizes but for the first, one behind the other. */
export function joinRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts as [Tensor]
  const Data = first.data.constructor as new (length: number) => Float32Array
  const data = new Data(parts.reduce((sum, part) => sum + part.data.length, 0))
  let offset = 0
  for (const part of parts) {
    data.set(part.data as Float32Array, offset)
    offset += part.data.length
  }
  const rows = parts.reduce((sum, { dims }) => sum + (dims[0] as number), 0)
  return { ...first, dims: [rows, ...first.dims.slice(1)], data }
}
