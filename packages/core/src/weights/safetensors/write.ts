import { CheckpointError, InputError } from '../../base/errors'
import { lookup } from '../../base/lookup'
import { sizeOf, type Tensor } from '../../base/tensor'
import type { StorageType } from '../entry'
import { encode, STORAGE, STORAGE_OF } from './dtypes'

/** A tensor to be written, read when its turn comes. */
export interface WritableTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly storage: StorageType
  read(): Promise<Tensor> | Tensor
}

const sizeInFile = ({ shape, storage }: WritableTensor): number => sizeOf(shape) * STORAGE[storage].size

const ORDER = Object.keys(STORAGE)

/** The order of the reference implementation: wide types first, so that all are aligned; then by name. */
const inOrder = (tensors: readonly WritableTensor[]): WritableTensor[] =>
  [...tensors].sort(
    (a, b) => ORDER.indexOf(a.storage) - ORDER.indexOf(b.storage) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )

function rawBytes(entry: WritableTensor, value: Tensor): Uint8Array {
  const { bytes, overflow } = encode(value, entry.storage)
  if (overflow > 0)
    throw new CheckpointError(
      'overflow',
      `${overflow} values of "${entry.name}" are too large for ${entry.storage}. Save as bfloat16 or float32.`,
    )
  if (bytes.length !== sizeInFile(entry))
    throw new CheckpointError(
      'wrong-size',
      `"${entry.name}" gave ${bytes.length} bytes, ${sizeInFile(entry)} were announced.`,
    )
  return bytes
}

function headerBytes(ordered: readonly WritableTensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const json = new Map<string, object>()
  let offset = 0
  for (const tensor of ordered) {
    const { name, storage, shape } = tensor
    if (name === '__metadata__' || json.has(name))
      throw new CheckpointError('duplicate-names', `Two tensors are named "${name}", or it is the metadata's name.`)
    const end = offset + sizeInFile(tensor)
    json.set(name, { dtype: storage, shape, data_offsets: [offset, end] })
    offset = end
  }
  // Joined by hand: an object would put names that look like integers first.
  const members = [...(Object.keys(metadata).length > 0 ? [['__metadata__', metadata] as const] : []), ...json]
  const text = new TextEncoder().encode(
    `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  )
  const padded = Math.ceil(text.length / 8) * 8
  const bytes = new Uint8Array(8 + padded).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true)
  bytes.set(text, 8)
  return bytes
}

/**
 * A safetensors file piece by piece: never more than one tensor is held.
 * @throws CheckpointError naming a tensor whose values half precision cannot hold.
 */
export async function* safetensorsChunks(
  tensors: readonly WritableTensor[],
  metadata: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array> {
  const ordered = inOrder(tensors)
  yield headerBytes(ordered, metadata)
  for (const entry of ordered) {
    yield rawBytes(entry, await entry.read())
  }
}

const isIterable = <T>(value: object): value is Iterable<T> => Symbol.iterator in value

function storageOf(name: string, { dtype }: Tensor): StorageType {
  const storage = lookup(STORAGE_OF, dtype)
  if (storage) return storage
  const allowed = Object.keys(STORAGE_OF).join(', ')
  throw new InputError('tensor-dtype', `${name}: dtype is ${JSON.stringify(dtype)}. Should be one of: ${allowed}.`)
}

const writable = (pairs: Iterable<readonly [string, Tensor]>) =>
  Array.from(pairs, ([name, value]) => ({
    name,
    shape: value.dims,
    storage: storageOf(name, value),
    read: () => value,
  }))

/** A safetensors file piece by piece, of tensors that are in memory. */
export const safetensorsOf = (tensors: Iterable<readonly [string, Tensor]>): AsyncGenerator<Uint8Array> =>
  safetensorsChunks(writable(tensors), {})

/** A whole safetensors file in memory. @throws InputError for an unknown dtype, CheckpointError for names that repeat, or dims that do not fit the data. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor]> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = inOrder(writable(isIterable<readonly [string, Tensor]>(tensors) ? tensors : Object.entries(tensors)))
  const header = headerBytes(ordered, metadata)
  const bytes = new Uint8Array(ordered.reduce((size, entry) => size + sizeInFile(entry), header.length))
  bytes.set(header)
  let at = header.length
  for (const entry of ordered) {
    const raw = rawBytes(entry, entry.read() as Tensor)
    bytes.set(raw, at)
    at += raw.length
  }
  return bytes
}
