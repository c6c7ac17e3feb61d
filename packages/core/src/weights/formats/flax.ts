import { sizeOf } from '../../base/tensor'
import { lookup } from '../../base/lookup'
import { decode, STORAGE } from '../safetensors/dtypes'
import type { Source } from '../../files/types'
import type { StorageType, WeightEntry } from '../entry'
import { FileView } from './file-view'
import { MsgpackScanner, type Token } from './msgpack'

/** NumPy's names of the types that Flax writes. */
const STORAGES: Readonly<Record<string, StorageType>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
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

/** Extension types of `flax.serialization`. */
const NDARRAY = 1
const NPSCALAR = 3
/** Trees of parameters are a dozen levels deep. */
const MAX_DEPTH = 64

/** An array's place: several pieces where Flax chunked it (above 1 GiB). */
interface StoredArray {
  readonly shape: readonly number[]
  readonly storage: StorageType
  readonly pieces: readonly { readonly offset: number; readonly length: number }[]
}

/** The arrays of one `flax_model.msgpack` by Flax's names (`a/b/kernel`) and in Flax's layouts; undefined where absent. */
export async function openFlax(source: Source, file: string): Promise<Map<string, WeightEntry> | undefined> {
  const view = await FileView.open(source, file, 'Flax msgpack file')
  if (!view) return undefined
  const scanner = new MsgpackScanner(view, 0, view.size)
  const weights = new Map<string, WeightEntry>()
  const add = (name: string, array: StoredArray): void => {
    if (weights.has(name)) view.fail('duplicate-names', `it holds "${name}" twice`)
    weights.set(name, entryOf(view, name, array))
  }
  await readTree(view, scanner, await scanner.next(), '', 0, add)
  if (!scanner.done) view.fail('bad-msgpack', `${view.size - scanner.at} bytes behind the parameters belong to nothing`)
  return weights
}

function entryOf(view: FileView, name: string, { shape, storage, pieces }: StoredArray): WeightEntry {
  const [first] = pieces
  return {
    name,
    shape,
    storage,
    ...(pieces.length === 1 && first
      ? { location: { file: view.file, ...first, read: (offset, length) => view.read(offset, length) } }
      : {}),
    async read() {
      if (pieces.length === 1 && first) return decode(await view.read(first.offset, first.length), storage, shape)
      const bytes = new Uint8Array(sizeOf(shape) * STORAGE[storage].size)
      let at = 0
      for (const { offset, length } of pieces) {
        bytes.set(await view.read(offset, length), at)
        at += length
      }
      return decode(bytes, storage, shape)
    },
  }
}

type Add = (name: string, array: StoredArray) => void

async function readTree(
  view: FileView,
  scanner: MsgpackScanner,
  token: Token,
  path: string,
  depth: number,
  add: Add,
): Promise<void> {
  if (depth > MAX_DEPTH) view.fail('too-deep', `its maps are nested more than ${MAX_DEPTH} deep`)
  if (token.kind === 'extension') return add(path, await readArray(view, token))
  if (token.kind === 'other' && token.value === null) return
  if (token.kind !== 'map')
    view.fail('bad-msgpack', `"${path}" is a ${token.kind}, where a map or an array of numbers belongs`)
  const { count } = token as { count: number }
  for (let i = 0; i < count; i++) {
    const key = await scanner.string(await scanner.next())
    const value = await scanner.next()
    if (i === 0 && key === '__msgpack_chunked_array__') return add(path, await readChunked(view, scanner, count, path))
    await readTree(view, scanner, value, path === '' ? key : `${path}/${key}`, depth + 1, add)
  }
}

/** Extension data is MessagePack again: `[shape, dtype name, bytes]`. */
async function readArray(view: FileView, token: Token & { kind: 'extension' }): Promise<StoredArray> {
  const { type, offset, length } = token
  if (type !== NDARRAY && type !== NPSCALAR)
    view.fail(
      'bad-msgpack',
      `the extension at ${offset} is of type ${type}; Flax writes ${NDARRAY} (array) and ${NPSCALAR} (scalar)`,
    )
  const inner = new MsgpackScanner(view, offset, offset + length)
  const lies = (what: string): never => view.fail('bad-array', `the array at ${offset} ${what}`)
  const head = await inner.next()
  if (head.kind !== 'array' || head.count !== 3) lies('is not [shape, dtype, bytes]')
  const dims = await inner.next()
  if (dims.kind !== 'array' || dims.count > 32) return lies('has no list of at most 32 dimensions')
  const shape: number[] = []
  for (let i = 0; i < dims.count; i++) {
    const dim = await inner.next()
    if (dim.kind !== 'number' || !Number.isSafeInteger(dim.value) || dim.value < 0)
      return lies('has a dimension that is no size')
    shape.push(dim.value)
  }
  const dtype = await inner.string(await inner.next())
  const storage = lookup(STORAGES, dtype)
  if (!storage) return lies(`is of dtype "${dtype.slice(0, 40)}"; known: ${Object.keys(STORAGES).join(', ')}`)
  const bytes = await inner.next()
  if (bytes.kind !== 'binary' && bytes.kind !== 'string') return lies('holds no bytes')
  const needed = sizeOf(shape) * STORAGE[storage].size
  if (bytes.length !== needed)
    lies(`claims shape [${shape.join(', ')}] of ${dtype}, which takes ${needed} bytes, and holds ${bytes.length}`)
  if (!inner.done) lies('is followed by bytes that belong to nothing')
  return { shape, storage, pieces: [{ offset: bytes.offset, length: bytes.length }] }
}

/** `{ '__msgpack_chunked_array__': true, shape: { '0': n, ... }, chunks: { '0': flat array, ... } }` */
async function readChunked(view: FileView, scanner: MsgpackScanner, count: number, path: string): Promise<StoredArray> {
  const lies = (what: string): never => view.fail('bad-array', `the chunked array "${path}" ${what}`)
  const shape: number[] = []
  const chunks: StoredArray[] = []
  for (let i = 1; i < count; i++) {
    const key = await scanner.string(await scanner.next())
    const map = await scanner.next()
    if (map.kind !== 'map' || !['shape', 'chunks'].includes(key))
      return lies(`holds a "${key}" that Flax does not write`)
    for (let j = 0; j < map.count; j++) {
      if ((await scanner.string(await scanner.next())) !== String(j)) lies(`does not count its ${key} from 0`)
      const value = await scanner.next()
      if (key === 'shape' && value.kind === 'number' && Number.isSafeInteger(value.value) && value.value >= 0)
        shape.push(value.value)
      else if (key === 'chunks' && value.kind === 'extension') chunks.push(await readArray(view, value))
      else lies(`holds a ${key} of a kind that Flax does not write`)
    }
  }
  const storage = chunks[0]?.storage
  if (!storage || chunks.some((chunk) => chunk.storage !== storage)) return lies('has no chunks of one dtype')
  const pieces = chunks.flatMap((chunk) => chunk.pieces)
  const held = pieces.reduce((sum, { length }) => sum + length, 0)
  const needed = sizeOf(shape) * STORAGE[storage].size
  if (held !== needed)
    lies(`claims shape [${shape.join(', ')}], which takes ${needed} bytes, and its chunks hold ${held}`)
  return { shape, storage, pieces }
}
