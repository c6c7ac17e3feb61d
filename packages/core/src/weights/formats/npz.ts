import { sizeOf } from '../../base/tensor'
import { lookup } from '../../base/lookup'
import type { Source } from '../../files/types'
import type { StorageType, WeightEntry } from '../entry'
import { decode, STORAGE } from '../safetensors/dtypes'
import { FileView } from './file-view'
import { gatherStrided } from './strided'
import { readZip, type ZipMember } from './zip'

/** NumPy's type strings. `V2` are bfloat16s, which NumPy has no name for. */
const TYPES: Readonly<Record<string, StorageType>> = {
  '<f8': 'F64',
  '<f4': 'F32',
  '<f2': 'F16',
  '|V2': 'BF16',
  '<V2': 'BF16',
  '<i8': 'I64',
  '<i4': 'I32',
  '<i2': 'I16',
  '|i1': 'I8',
  '|u1': 'U8',
  '|b1': 'BOOL',
}

/** More would be no header of numbers. */
const HEADER_BYTES = 1 << 16

/** The arrays of an `.npz`, by their names; undefined where there is no such file. Nothing is read but headers. */
export async function openNpz(source: Source, file: string): Promise<Map<string, WeightEntry> | undefined> {
  const view = await FileView.open(source, file, '.npz file')
  if (!view) return undefined
  const members = [...(await readZip(view)).values()].filter(({ name }) => name.endsWith('.npy'))
  const entries = await Promise.all(members.map((member) => entryOf(view, member)))
  return new Map(entries.map((entry) => [entry.name, entry]))
}

/** One array: `\x93NUMPY`, version, length of the header, header, values. */
async function entryOf(view: FileView, member: ZipMember): Promise<WeightEntry> {
  const name = member.name.slice(0, -'.npy'.length)
  const lies = (what: string): never => view.fail('bad-npy', `"${name}" ${what}`)
  if (member.length < 12) return lies('is no array')
  const start = await view.peek(member.offset, 12)
  if (start.getUint32(0) !== 0x934e554d || start.getUint16(4) !== 0x5059) return lies('is no array')
  const isOld = start.getUint8(6) === 1
  const length = isOld ? start.getUint16(8, true) : start.getUint32(8, true)
  const header = isOld ? 10 : 12
  if (length > HEADER_BYTES || header + length > member.length) return lies('has a header that is too long')
  const { storage, fortran, shape } = parsed(await view.read(member.offset + header, length), lies)
  const bytes = sizeOf(shape) * STORAGE[storage].size
  if (header + length + bytes !== member.length)
    return lies(`holds ${member.length - header - length} bytes of values, and [${shape.join(', ')}] needs ${bytes}`)
  const offset = member.offset + header + length
  const stored = { file: view.file, offset, length: bytes, read: (at: number, count: number) => view.read(at, count) }
  const isPlain = !fortran || shape.length < 2
  return {
    name,
    shape,
    storage,
    // An engine that maps a file needs values at multiples of their size, which a zip does not promise.
    ...(isPlain && offset % STORAGE[storage].size === 0 && { location: stored }),
    async read() {
      const value = decode(await view.read(offset, bytes), storage, shape)
      if (isPlain) return value
      const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)))
      return gatherStrided(value, shape, strides)
    },
  }
}

interface Header {
  readonly storage: StorageType
  readonly fortran: boolean
  readonly shape: readonly number[]
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` */
function parsed(bytes: Uint8Array, lies: (what: string) => never): Header {
  const text = new TextDecoder('latin1').decode(bytes)
  const [, descr = lies('has no type of one kind of number')] = /'descr':\s*'([^']*)'/.exec(text) ?? []
  const [, order = lies('does not say how its axes lie')] = /'fortran_order':\s*(True|False)/.exec(text) ?? []
  const [, dims = lies('has no shape')] = /'shape':\s*\(([\d,\s]*)\)/.exec(text) ?? []
  const storage = lookup(TYPES, descr) ?? lies(`holds "${descr}", which is read nowhere. Save it as float32`)
  const shape = dims
    .split(',')
    .map((dim) => dim.trim())
    .filter((dim) => dim !== '')
    .map(Number)
  if (!Number.isSafeInteger(sizeOf(shape))) lies('is too large')
  return { storage, fortran: order === 'True', shape }
}
