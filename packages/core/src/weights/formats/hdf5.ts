import type { StorageType } from '../entry'
import { type FileView, text, uint64 } from './file-view'

/**
 * Reads what h5py writes by default ("earliest" layout: superblock 0, symbol tables, contiguous
 * datasets), which is what Keras saves, by byte ranges. A library (h5wasm) would bring libhdf5 as
 * WebAssembly and want the whole file in its memory; here a tower is read without the other.
 * After the HDF5 File Format Specification, version 1.
 */
interface Dataset {
  /** From the root, without its slash. */
  readonly path: string
  readonly shape: readonly number[]
  readonly storage: StorageType
  readonly offset: number
  readonly length: number
}

export interface Hdf5File {
  readonly datasets: readonly Dataset[]
  /** Names of the root's attributes. */
  readonly attributes: readonly string[]
}

const UNDEFINED = Infinity
const MAX_DEPTH = 64
const MESSAGE = {
  dataspace: 0x01,
  datatype: 0x03,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbols: 0x11,
}

/**
 * How often the bytes of structure in a file may be read, all together. A sound file's are read once or twice; objects
 * that several groups share would be read again under each of their names, and names can double at every level.
 */
const READINGS = 4

type Message = { readonly type: number; readonly data: DataView }

/** Looks at structure, and gives up where it is looked at without end. */
function boundedTo(view: FileView): Structure {
  let left = READINGS * view.size
  const spend = (bytes: number) => {
    left -= bytes
    if (left < 0) view.fail('bad-hdf5', 'its groups share objects, and reading them would not come to an end')
  }
  return {
    size: view.size,
    fail: view.fail,
    spend,
    peek(offset, length) {
      spend(length)
      return view.peek(offset, length)
    },
  }
}

interface Structure extends Pick<FileView, 'size' | 'fail' | 'peek'> {
  spend(bytes: number): void
}

export async function readHdf5(file: FileView): Promise<Hdf5File> {
  const view = boundedTo(file)
  const signature = view.size < 96 ? '' : text(await view.peek(1, 3))
  if (signature !== 'HDF') view.fail('bad-hdf5', 'it does not begin as one')
  const superblock = await view.peek(0, 96)
  const version = superblock.getUint8(8)
  if (version > 1)
    view.fail(
      'unsupported-hdf5',
      `it has superblock version ${version} (libver="latest"); rewrite it with h5py's default layout`,
    )
  if (superblock.getUint8(13) !== 8 || superblock.getUint8(14) !== 8)
    view.fail('unsupported-hdf5', 'its addresses are not of 8 bytes')
  const base = version === 1 ? 28 : 24
  const end = uint64(superblock, base + 16)
  if (end > view.size) view.fail('truncated', `it was written as ${end} bytes and holds ${view.size}`)
  const root = uint64(superblock, base + 32 + 8)
  const datasets: Dataset[] = []
  await readObject(view, root, '', new Set(), datasets)
  const attributes = (await readMessages(view, root))
    .filter(({ type }) => type === MESSAGE.attribute)
    .map(attributeName)
  return { datasets, attributes }
}

/** A group's members, or a dataset. `above` are the groups that lead here: a link back to one is damage. */
async function readObject(
  view: Structure,
  address: number,
  path: string,
  above: ReadonlySet<number>,
  found: Dataset[],
): Promise<void> {
  if (above.size > MAX_DEPTH || above.has(address))
    view.fail('too-deep', `the groups at "${path}" are nested without end`)
  const messages = await readMessages(view, address)
  const of = (type: number) => messages.find((message) => message.type === type)?.data
  const symbols = of(MESSAGE.symbols)
  if (!symbols) {
    if (of(MESSAGE.layout)) found.push(datasetOf(view, path, of))
    else view.fail('unsupported-hdf5', `"${path}" is neither a dataset nor a group of the old layout`)
    return
  }
  const inside = new Set([...above, address])
  const heap = await readHeap(view, uint64(symbols, 8))
  for (const child of await readTree(view, uint64(symbols, 0), new Set())) {
    const name = await heap(child.name)
    await readObject(view, child.address, path === '' ? name : `${path}/${name}`, inside, found)
  }
}

/** Version 1 object header: messages in blocks that continue elsewhere. */
async function readMessages(view: Structure, address: number): Promise<Message[]> {
  const head = await view.peek(address, 16)
  if (head.getUint8(0) !== 1) view.fail('bad-hdf5', `no object header of version 1 lies at ${address}`)
  const messages: Message[] = []
  const blocks = [{ at: address + 16, length: head.getUint32(8, true) }]
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    if (messages.length > 0xffff) view.fail('bad-hdf5', `the object header at ${address} has no end`)
    const bytes = copy(await view.peek(block.at, block.length))
    for (let at = 0; at + 8 <= bytes.byteLength;) {
      const [type, size] = [bytes.getUint16(at, true), bytes.getUint16(at + 2, true)]
      at += 8
      if (at + size > bytes.byteLength)
        view.fail('bad-hdf5', `a message of the object header at ${address} leaves its block`)
      const data = new DataView(bytes.buffer, bytes.byteOffset + at, size)
      if (type === MESSAGE.continuation) {
        if (blocks.length > 1000 || size < 16) view.fail('bad-hdf5', `the object header at ${address} has no end`)
        blocks.push({ at: uint64(data, 0), length: uint64(data, 8) })
      }
      // An empty message still counts, so that blocks which lead to each other come to an end.
      messages.push({ type, data })
      at += size
    }
  }
  return messages
}

const copy = (view: DataView): DataView =>
  new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))

interface Child {
  /** Offset of its name in the heap. */
  readonly name: number
  readonly address: number
}

/** Version 1 B-tree of a group. */
async function readTree(view: Structure, address: number, seen: Set<number>): Promise<Child[]> {
  if (seen.has(address) || seen.size > 100_000) view.fail('bad-hdf5', `the B-tree at ${address} leads to itself`)
  seen.add(address)
  const head = await view.peek(address, 24)
  if (text(await view.peek(address, 4)) !== 'TREE') view.fail('bad-hdf5', `no B-tree lies at ${address}`)
  const [level, count] = [head.getUint8(5), head.getUint16(6, true)]
  const entries = copy(await view.peek(address + 24, count * 16 + 8))
  const children: Child[] = []
  for (let i = 0; i < count; i++) {
    const child = uint64(entries, 8 + i * 16)
    children.push(...(level > 0 ? await readTree(view, child, seen) : await readSymbols(view, child)))
  }
  return children
}

async function readSymbols(view: Structure, address: number): Promise<Child[]> {
  const head = await view.peek(address, 8)
  if (text(head).slice(0, 4) !== 'SNOD') view.fail('bad-hdf5', `no symbol node lies at ${address}`)
  const count = head.getUint16(6, true)
  const entries = await view.peek(address + 8, count * 40)
  return Array.from({ length: count }, (_, i) => ({
    name: uint64(entries, i * 40),
    address: uint64(entries, i * 40 + 8),
  }))
}

/** Names of a group's members, by their offset in its local heap. */
async function readHeap(view: Structure, address: number): Promise<(offset: number) => Promise<string>> {
  const head = await view.peek(address, 32)
  if (text(head).slice(0, 4) !== 'HEAP') view.fail('bad-hdf5', `no local heap lies at ${address}`)
  const bytes = new Uint8Array(copy(await view.peek(uint64(head, 24), uint64(head, 8))).buffer)
  return (offset) => {
    const end = bytes.indexOf(0, offset)
    if (!(offset < bytes.length) || end < 0) view.fail('bad-hdf5', `a name lies outside the heap at ${address}`)
    view.spend(end - offset)
    return Promise.resolve(text(bytes.subarray(offset, end)))
  }
}

function attributeName({ data }: Message): string {
  const length = data.getUint16(2, true)
  const start = data.getUint8(0) === 3 ? 9 : 8
  return text(new Uint8Array(data.buffer, data.byteOffset + start, Math.min(length, data.byteLength - start))).replace(
    /\0.*$/s,
    '',
  )
}

function datasetOf(view: Structure, path: string, of: (type: number) => DataView | undefined): Dataset {
  const part = (type: number, what: string, least: number): DataView => {
    const data = of(type)
    if (!data || data.byteLength < least) view.fail('bad-hdf5', `dataset "${path}" has no ${what}`)
    return data
  }
  if (of(MESSAGE.filters)) view.fail('unsupported-hdf5', `dataset "${path}" is compressed; only plain ones are read`)
  const space = part(MESSAGE.dataspace, 'dataspace', 4)
  const rank = space.getUint8(1)
  const start = space.getUint8(0) === 1 ? 8 : 4
  if (space.byteLength < start + rank * 8)
    view.fail('bad-hdf5', `dataset "${path}" has fewer dimensions than it claims`)
  const shape = Array.from({ length: rank }, (_, i) => uint64(space, start + i * 8))
  const { storage, size } = storageOf(view, path, part(MESSAGE.datatype, 'datatype', 8))
  const layout = part(MESSAGE.layout, 'layout', 4)
  const [version, kind] = [layout.getUint8(0), layout.getUint8(1)]
  if (version < 3) view.fail('unsupported-hdf5', `dataset "${path}" has a layout message of version ${version}`)
  if (kind !== 1) {
    const name = kind === 2 ? 'chunked' : kind === 0 ? 'compact' : `of layout ${kind}`
    view.fail('unsupported-hdf5', `dataset "${path}" is ${name}; only contiguous ones are read`)
  }
  if (layout.byteLength < 18) view.fail('bad-hdf5', `dataset "${path}" has no address`)
  const [offset, length] = [uint64(layout, 2), uint64(layout, 10)]
  const needed = shape.reduce((product, dim) => product * dim, size)
  if (needed !== length)
    view.fail(
      'shape-mismatch',
      `dataset "${path}" of shape [${shape.join(', ')}] takes ${needed} bytes, ${length} are stored`,
    )
  if (length > 0 && (offset === UNDEFINED || offset + length > view.size))
    view.fail('truncated', `dataset "${path}" ends at byte ${offset + length}, and the file holds ${view.size}`)
  return { path, shape, storage, offset: length === 0 ? 0 : offset, length }
}

function storageOf(view: Structure, path: string, type: DataView): { storage: StorageType; size: number } {
  const [kind, flags, size] = [type.getUint8(0) & 0x0f, type.getUint8(1), type.getUint32(4, true)]
  const exponent = kind === 1 && type.byteLength >= 20 ? type.getUint8(13) : 0
  const names: Readonly<Record<string, StorageType>> = {
    '1:8:11': 'F64',
    '1:4:8': 'F32',
    '1:2:5': 'F16',
    '1:2:8': 'BF16',
    '0:8': flags & 8 ? 'I64' : 'U64',
    '0:4': flags & 8 ? 'I32' : 'U32',
    '0:2': flags & 8 ? 'I16' : 'U16',
    '0:1': flags & 8 ? 'I8' : 'U8',
  }
  const storage = names[kind === 1 ? `1:${size}:${exponent}` : `${kind}:${size}`]
  if (!storage || flags & 1)
    return view.fail(
      'unsupported-hdf5',
      `dataset "${path}" holds neither little-endian floats nor integers (class ${kind}, ${size} bytes)`,
    )
  return { storage, size }
}
