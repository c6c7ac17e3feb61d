/** A box of the ISO base media file format, as AVIF and HEIF use it. */
interface Box {
  readonly type: string
  /** Of its body. */
  readonly start: number
  readonly end: number
}

/** The boxes between two places, up to one that is impossible. */
function* boxes(view: DataView, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    const short = view.getUint32(at)
    const head = short === 1 ? 16 : 8
    const size = short === 0 ? end - at : short === 1 && at + 16 <= end ? Number(view.getBigUint64(at + 8)) : short
    if (size < head || at + size > end) return
    yield { type: ascii(view, at + 4, 4), start: at + head, end: at + size }
    at += size
  }
}

const ascii = (view: DataView, start: number, length: number): string =>
  String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + start, length))

const boxOf = (view: DataView, start: number, end: number, type: string): Box | undefined =>
  [...boxes(view, start, end)].find((box) => box.type === type)

/** What `meta` says beside the picture itself. */
export interface HeifMetadata {
  readonly exif: Uint8Array | undefined
  readonly xmp: Uint8Array | undefined
  /** Decoders turn or mirror the picture. */
  readonly turned: boolean
}

/** @throws RangeError for a damaged `meta` box */
export function heifMetadata(bytes: Uint8Array): HeifMetadata {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const meta = boxOf(view, 0, bytes.length, 'meta')
  if (!meta) return { exif: undefined, xmp: undefined, turned: false }
  // Its own version and flags come first.
  const part = (type: string) => boxOf(view, meta.start + 4, meta.end, type)
  const items = itemsOf(view, part('iinf'))
  const properties = part('iprp')
  const listed = properties && boxOf(view, properties.start, properties.end, 'ipco')
  const turned = [...(listed ? boxes(view, listed.start, listed.end) : [])].some(
    ({ type, start }) => type === 'imir' || (type === 'irot' && (view.getUint8(start) & 3) !== 0),
  )
  const contentOf = (kind: string) => {
    const item = items.find((item) => item.kind === kind)
    return item && itemContent(bytes, view, item.id, part('iloc'), part('idat'))
  }
  // An offset of four bytes to the TIFF header comes first.
  const exif = contentOf('Exif')
  return {
    exif: exif?.subarray(4 + new DataView(exif.buffer).getUint32(0)),
    xmp: contentOf('application/rdf+xml'),
    turned,
  }
}

/** Numbers and kinds of items; of `mime` items their content type. */
function itemsOf(view: DataView, box: Box | undefined): { id: number; kind: string }[] {
  if (!box) return []
  const start = box.start + (view.getUint8(box.start) === 0 ? 6 : 8)
  return [...boxes(view, start, box.end)].map((entry) => {
    const wide = view.getUint8(entry.start) >= 3
    const id = wide ? view.getUint32(entry.start + 4) : view.getUint16(entry.start + 4)
    const at = entry.start + (wide ? 10 : 8)
    const type = ascii(view, at, 4)
    // Its name and content type, each ended by a zero.
    return { id, kind: type === 'mime' ? (ascii(view, at + 4, entry.end - at - 4).split('\0')[1] ?? '') : type }
  })
}

/** The bytes of an item: a copy. */
function itemContent(
  bytes: Uint8Array,
  view: DataView,
  wanted: number,
  locations: Box | undefined,
  data: Box | undefined,
): Uint8Array | undefined {
  if (!locations) return undefined
  let at = locations.start
  const read = (size: number): number => {
    at += size
    if (size === 0) return 0
    return size === 2 ? view.getUint16(at - 2) : size === 4 ? view.getUint32(at - 4) : Number(view.getBigUint64(at - 8))
  }
  const version = view.getUint8(at)
  const sizes = view.getUint16(at + 4)
  at += 6
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15]
  const indexSize = version === 0 ? 0 : sizes & 15
  const idSize = version < 2 ? 2 : 4
  for (let left = read(idSize); left > 0; left--) {
    const id = read(idSize)
    const inBox = version > 0 && (read(2) & 15) === 1
    read(2)
    const base = read(baseSize) + (inBox ? (data?.start ?? 0) : 0)
    const parts: number[] = []
    for (let extents = read(2); extents > 0; extents--) {
      read(indexSize)
      const start = base + read(offsetSize)
      const length = read(lengthSize) || bytes.length - start
      if (id === wanted) for (const byte of bytes.subarray(start, start + length)) parts.push(byte)
    }
    if (id === wanted) return Uint8Array.from(parts)
  }
  return undefined
}
