import { heifMetadata } from './boxes'
import { exifOrientation, xmpOrientation } from './exif'
import type { ImageFormat } from './header'
import { inflate } from './inflate'
import type { Orientation } from './orient'

/** How a file asks to be turned, in the ways that Pillow's `exif_transpose` knows. */
export interface Turn {
  readonly orientation: Orientation
  /** The file without its EXIF blocks, which browsers read each in its own way. */
  unturned(): readonly Uint8Array[]
}

interface Blocks {
  exif?: Uint8Array | undefined
  xmp?: Uint8Array | undefined
  /** EXIF as ImageMagick writes it into the text of a PNG. */
  profile?: Uint8Array | undefined
  /** Byte ranges of segments or chunks of EXIF in the file. */
  readonly ranges: (readonly [start: number, end: number])[]
}

/** XMP and the text of a PNG count where EXIF says nothing. Never fails: what cannot be read says nothing. */
export async function turnOf(bytes: Uint8Array, format: ImageFormat): Promise<Turn> {
  try {
    if (format === 'avif') return { orientation: avifOrientation(bytes), unturned: () => [bytes] }
    const blocks = format === 'jpeg' ? jpegBlocks(bytes) : format === 'png' ? await pngBlocks(bytes) : webpBlocks(bytes)
    const { exif = blocks.profile, xmp, ranges } = blocks
    const orientation = (exif && exifOrientation(exif)) ?? (xmp && xmpOrientation(xmp)) ?? 1
    const unturned = () => (format === 'webp' ? [withoutChunks(bytes, ranges)] : without(bytes, ranges))
    return { orientation, unturned }
  } catch (error) {
    if (error instanceof RangeError) return { orientation: 1, unturned: () => [bytes] }
    throw error
  }
}

/** The picture's own properties win over EXIF, and decoders obey them. */
function avifOrientation(bytes: Uint8Array): Orientation {
  const { exif, xmp, turned } = heifMetadata(bytes)
  const said = turned || (exif && exifOrientation(exif) !== undefined)
  return (said ? undefined : xmp && xmpOrientation(xmp)) ?? 1
}

/** What lies between ranges. */
function without(bytes: Uint8Array, ranges: Blocks['ranges']): Uint8Array[] {
  const starts = [0, ...ranges.map(([, end]) => end)]
  return starts.map((start, i) => bytes.subarray(start, ranges[i]?.[0]))
}

/** The chunks of a WebP go by another name, since its head holds its size. */
function withoutChunks(bytes: Uint8Array, ranges: Blocks['ranges']): Uint8Array {
  if (ranges.length === 0) return bytes
  const file = new Uint8Array(bytes)
  for (const [start] of ranges) file.fill(0x58, start, start + 4)
  return file
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const latin = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

const EXIF = 'Exif\0\0'
const XMP = 'http://ns.adobe.com/xap/1.0/\0'

/** Of segments before the first scan. Several of EXIF are one block. */
function jpegBlocks(bytes: Uint8Array): Blocks {
  const view = viewOf(bytes)
  const blocks: Blocks = { ranges: [] }
  for (let at = 2; ;) {
    while (view.getUint8(at) !== 0xff) at++
    while (view.getUint8(at) === 0xff) at++
    const marker = view.getUint8(at++)
    if (marker === 0xda || marker === 0xd9) return blocks
    if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue
    const length = view.getUint16(at)
    const body = bytes.subarray(at + 2, at + length)
    if (marker === 0xe1 && latin(body.subarray(0, EXIF.length)) === EXIF) {
      blocks.exif = blocks.exif ? joined(blocks.exif, body.subarray(EXIF.length)) : body
      blocks.ranges.push([at - 2, at + length])
    }
    if (marker === 0xe1 && latin(body.subarray(0, XMP.length)) === XMP) blocks.xmp = body.subarray(XMP.length)
    at += length
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const result = new Uint8Array(first.length + second.length)
  result.set(first)
  result.set(second, first.length)
  return result
}

/** Pillow's limit for a text. */
const MAX_TEXT = 2 ** 20

/** Of all chunks, those after the pixels too. */
async function pngBlocks(bytes: Uint8Array): Promise<Blocks> {
  const view = viewOf(bytes)
  const blocks: Blocks = { ranges: [] }
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = latin(bytes.subarray(at + 4, at + 8))
    const body = bytes.subarray(at + 8, at + 8 + view.getUint32(at))
    if (kind === 'eXIf') {
      blocks.exif = body
      blocks.ranges.push([at, at + 12 + body.length])
    }
    if (kind === 'IEND') break
    if (kind !== 'tEXt' && kind !== 'zTXt' && kind !== 'iTXt') continue
    const keyword = latin(body.subarray(0, body.indexOf(0)))
    if (keyword === 'XML:com.adobe.xmp') blocks.xmp = await textOf(kind, body)
    if (keyword === 'Raw profile type exif') blocks.profile = fromHex(latin((await textOf(kind, body)) ?? body))
  }
  return blocks
}

/** Undefined where it is compressed in a way that is not known, or damaged. */
async function textOf(kind: 'tEXt' | 'zTXt' | 'iTXt', body: Uint8Array): Promise<Uint8Array | undefined> {
  let at = body.indexOf(0) + 1
  const compressed = kind === 'zTXt' || (kind === 'iTXt' && body[at++] !== 0)
  const method = kind === 'tEXt' ? 0 : body[at++]
  // A language and a translated keyword.
  if (kind === 'iTXt') for (let i = 0; i < 2; i++) at = body.indexOf(0, at) + 1
  const text = body.subarray(at)
  if (!compressed) return text
  return method === 0 ? inflate([text], MAX_TEXT).catch(() => undefined) : undefined
}

/** A line feed, a name, a length, and then lines of hexadecimal digits. */
function fromHex(profile: string): Uint8Array {
  const digits = profile.split('\n').slice(3).join('').replace(/\s/g, '')
  return Uint8Array.from({ length: digits.length >> 1 }, (_, i) => parseInt(digits.slice(i * 2, i * 2 + 2), 16))
}

function webpBlocks(bytes: Uint8Array): Blocks {
  const view = viewOf(bytes)
  const blocks: Blocks = { ranges: [] }
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const kind = latin(bytes.subarray(at, at + 4))
    const body = bytes.subarray(at + 8, at + 8 + size)
    if (kind === 'XMP ') blocks.xmp ??= body
    if (kind === 'EXIF') {
      blocks.exif ??= body
      blocks.ranges.push([at, at + 8 + size])
    }
    at += 8 + size + (size % 2)
  }
  return blocks
}
