import { ImageError } from '../../base/errors'

export type ImageFormat = 'jpeg' | 'png' | 'gif' | 'bmp' | 'webp' | 'tiff' | 'avif' | 'heic'

const SUPPORTED = 'JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, and HEIC with the package libheif-js'

/** What the first bytes of an image file say, read before anything is decoded. */
export interface ImageHeader {
  readonly format: ImageFormat
  /** Undefined where only the decoder can tell. */
  readonly width?: number
  readonly height?: number
  /** Colour components of a JPEG. */
  readonly components?: number
  /** Of a PNG. */
  readonly bitDepth?: number
  readonly colorType?: number
}

const latin = (bytes: Uint8Array, start: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(start, start + length))

/**
 * @throws ImageError `image-unsupported-format` for what is no image that we know,
 *   `image-corrupt` for a header that ends too early
 */
export function readHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return headerOf(bytes, view)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ImageError('image-corrupt', 'The image file ends within its header.', { cause: error })
  }
}

/** The format that a file's first twelve bytes name; HEIC and AVIF are told apart by more. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const start = latin(bytes, 0, 4)
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (start === '\x89PNG') return 'png'
  if (start === 'GIF8') return 'gif'
  if (start === 'RIFF' && latin(bytes, 8, 4) === 'WEBP') return 'webp'
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start)) return 'tiff'
  if (latin(bytes, 4, 4) === 'ftyp') return 'avif'
  return start.startsWith('BM') ? 'bmp' : undefined
}

function headerOf(bytes: Uint8Array, view: DataView): ImageHeader {
  const format = formatOf(bytes)
  switch (format) {
    case 'jpeg':
      return jpegHeader(view)
    case 'png':
      return {
        format,
        width: view.getUint32(16),
        height: view.getUint32(20),
        bitDepth: view.getUint8(24),
        colorType: view.getUint8(25),
      }
    case 'gif':
      return { format, width: view.getUint16(6, true), height: view.getUint16(8, true) }
    case 'webp':
      return webpHeader(bytes, view)
    case 'tiff':
      return { format }
    case 'avif':
    case 'heic':
      return heifHeader(bytes, view)
    case 'bmp':
      return bmpHeader(view)
    case undefined:
      throw noImage(bytes)
  }
}

function noImage(bytes: Uint8Array): ImageError {
  const text = latin(bytes, 0, 64).trimStart().toLowerCase()
  const page = text.startsWith('<!doctype html') || text.startsWith('<html')
  return new ImageError(
    'image-unsupported-format',
    (page ? 'This is a web page, not an image.' : 'The bytes are no image of a known format.') +
      ` Supported: ${SUPPORTED}.`,
  )
}

function jpegHeader(view: DataView): ImageHeader {
  let at = 2
  for (;;) {
    while (view.getUint8(at) !== 0xff) at++
    while (view.getUint8(at) === 0xff) at++
    const marker = view.getUint8(at++)
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame)
      return {
        format: 'jpeg',
        height: view.getUint16(at + 3),
        width: view.getUint16(at + 5),
        components: view.getUint8(at + 7),
      }
    const standalone = marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)
    if (!standalone) at += view.getUint16(at)
  }
}

function webpHeader(bytes: Uint8Array, view: DataView): ImageHeader {
  const chunk = latin(bytes, 12, 4)
  const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
  if (chunk === 'VP8X') return { format: 'webp', width: uint24(24) + 1, height: uint24(27) + 1 }
  if (chunk === 'VP8L') {
    const bits = view.getUint32(21, true)
    return { format: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  return { format: 'webp', width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
}

/** Of pictures that are no AVIF; HEVC's and what may hold any. */
const HEIF_BRANDS = /^(?:hei[cxms]|hev[cxms]|mif[12]|msf1|vvic)$/

function heifHeader(bytes: Uint8Array, view: DataView): ImageHeader {
  const end = Math.min(view.getUint32(0), 64)
  const brands: string[] = []
  for (let at = 8; at + 4 <= end; at += 4) brands.push(latin(bytes, at, 4))
  const format = brands.includes('avif') || brands.includes('avis') ? 'avif' : 'heic'
  if (format === 'heic' && !brands.some((brand) => HEIF_BRANDS.test(brand)))
    throw new ImageError(
      'image-unsupported-format',
      `This is a video or another file of brand "${latin(bytes, 8, 4)}", not an image. Supported: ${SUPPORTED}.`,
    )
  // The largest `ispe` (image spatial extents) property is the whole picture; the others are tiles and thumbnails.
  let width: number | undefined
  let height: number | undefined
  const limit = Math.min(bytes.length, 1 << 16) - 16
  for (let at = 0; at < limit; at++) {
    if (view.getUint32(at) !== 0x69737065) continue
    width = Math.max(width ?? 0, view.getUint32(at + 8))
    height = Math.max(height ?? 0, view.getUint32(at + 12))
  }
  return { format, ...(width !== undefined && { width }), ...(height !== undefined && { height }) }
}

function bmpHeader(view: DataView): ImageHeader {
  const core = view.getUint32(14, true) === 12
  return core
    ? { format: 'bmp', width: view.getUint16(18, true), height: view.getUint16(20, true) }
    : { format: 'bmp', width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }
}

/** Whether a file is decoded by libheif-js. */
export function isHeic(bytes: Uint8Array): boolean {
  return formatOf(bytes) === 'avif' && readHeader(bytes).format === 'heic'
}
