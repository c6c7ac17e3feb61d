import { type FileView, text, uint64 } from './file-view'

/** A member that is stored, not compressed, as `torch.save` writes them. */
export interface ZipMember {
  readonly name: string
  /** Of its bytes in the file. */
  readonly offset: number
  readonly length: number
}

const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
/** The end record with its longest comment. */
const TAIL = 65_557

/** The members of a zip archive (PKWARE's APPNOTE, with zip64), by name. */
export async function readZip(view: FileView): Promise<Map<string, ZipMember>> {
  const { fail } = view
  const start = Math.max(0, view.size - TAIL)
  const tail = await view.read(start, view.size - start)
  const bytes = new DataView(tail.buffer, tail.byteOffset, tail.length)
  let at = tail.length - 22
  while (at >= 0 && bytes.getUint32(at, true) !== END) at--
  if (at < 0) fail('truncated', 'it has no directory at its end, as a zip archive has')
  let [count, length, offset] = [
    bytes.getUint16(at + 10, true),
    bytes.getUint32(at + 12, true),
    bytes.getUint32(at + 16, true),
  ]
  if (at >= 20 && bytes.getUint32(at - 20, true) === LOCATOR64) {
    const end = await view.peek(uint64(bytes, at - 20 + 8), 56)
    if (end.getUint32(0, true) !== END64) fail('bad-zip', 'its zip64 directory is not where it should be')
    ;[count, length, offset] = [uint64(end, 32), uint64(end, 40), uint64(end, 48)]
  }
  const directory = await view.read(offset, length)
  const records = centralRecords(view, new DataView(directory.buffer, directory.byteOffset, directory.length), count)
  return new Map(await Promise.all(records.map(async (record) => [record.name, await locate(view, record)] as const)))
}

interface Central {
  readonly name: string
  readonly length: number
  /** Of the local header. */
  readonly header: number
}

function centralRecords(view: FileView, directory: DataView, count: number): Central[] {
  const records: Central[] = []
  const names = new Set<string>()
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== CENTRAL)
      view.fail('bad-zip', `its directory ends after ${i} of ${count} members`)
    const [method, nameLength, extraLength] = [10, 28, 30].map((o) => directory.getUint16(at + o, true)) as [
      number,
      number,
      number,
    ]
    const next = at + 46 + nameLength + extraLength + directory.getUint16(at + 32, true)
    if (next > directory.byteLength) view.fail('bad-zip', 'its directory is cut short')
    const name = text(new DataView(directory.buffer, directory.byteOffset + at + 46, nameLength))
    if (names.has(name)) view.fail('duplicate-names', `it holds "${name}" twice`)
    names.add(name)
    if (method !== 0)
      view.fail('unsupported-zip', `"${name}" is compressed; torch.save and np.savez store their members plainly`)
    const wide = zip64Values(directory, at + 46 + nameLength, extraLength)
    const value = (field: number): number => {
      const small = directory.getUint32(at + field, true)
      return small === 0xffffffff ? (wide.shift() ?? Infinity) : small
    }
    // In this order they stand in the extra field: size, compressed size, offset.
    const [length] = [value(24), value(20)]
    records.push({ name, length, header: value(42) })
    at = next
  }
  return records
}

function zip64Values(directory: DataView, start: number, length: number): number[] {
  for (let at = start; at + 4 <= start + length;) {
    const [id, size] = [directory.getUint16(at, true), directory.getUint16(at + 2, true)]
    if (id === 1 && at + 4 + size <= start + length)
      return Array.from({ length: Math.floor(size / 8) }, (_, i) => uint64(directory, at + 4 + i * 8))
    at += 4 + size
  }
  return []
}

/** A member's bytes lie behind its local header, whose extra field has a length of its own. */
async function locate(view: FileView, { name, length, header }: Central): Promise<ZipMember> {
  const bytes = await view.read(header, 30)
  const local = new DataView(bytes.buffer, bytes.byteOffset, 30)
  if (local.getUint32(0, true) !== LOCAL) view.fail('bad-zip', `"${name}" is not where its directory says`)
  const offset = header + 30 + local.getUint16(26, true) + local.getUint16(28, true)
  if (offset + length > view.size)
    view.fail('truncated', `"${name}" ends at byte ${offset + length}, and the file holds ${view.size}`)
  return { name, offset, length }
}
