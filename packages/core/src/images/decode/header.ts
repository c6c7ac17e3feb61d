import { ImageError } from '../../base/errors'

export type ImageFormat = 'jpeg' | 'png' | 'gif' | 'bmp' | 'webp' | 'tiff' | 'avif'

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
 * @throws ImageError `image-unsupported-format` for HEIC and what is no image that we know,
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

function headerOf(bytes: Uint8Array, view: DataView): ImageHeader {
  const start = latin(bytes, 0, 4)
  if (start.startsWith('\xff\xd8\xff')) return jpegHeader(view)
  if (start === '\x89PNG')
    return {
      format: 'png',
      width: view.getUint32(16),
      height: view.getUint32(20),
      bitDepth: view.getUint8(24),
      colorType: view.getUint8(25),
    }
  if (start === 'GIF8') return { format: 'gif', width: view.getUint16(6, true), height: view.getUint16(8, true) }
  if (start === 'RIFF' && latin(bytes, 8, 4) === 'WEBP') return webpHeader(bytes, view)
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start)) return { format: 'tiff' }
  if (latin(bytes, 4, 4) === 'ftyp') return heifHeader(bytes, view)
  if (start.startsWith('BM')) return bmpHeader(view)
  const text = latin(bytes, 0, 64).trimStart().toLowerCase()
  const page = text.startsWith('<!doctype html') || text.startsWith('<html')
  throw new ImageError(
    'image-unsupported-format',
    (page ? 'This is a web page, not an image.' : 'The bytes are no image of a known format.') +
      ' Supported: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF.',
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

function heifHeader(bytes: Uint8Array, view: DataView): ImageHeader {
  const end = Math.min(view.getUint32(0), 64)
  const brands: string[] = []
  for (let at = 8; at + 4 <= end; at += 4) brands.push(latin(bytes, at, 4))
  if (!brands.includes('avif') && !brands.includes('avis'))
    throw new ImageError(
      'image-unsupported-format',
      'HEIC/HEIF images are not supported. Convert them to JPEG or PNG first, for instance with' +
        ' `heif-convert picture.heic picture.png` or `magick picture.heic picture.png`.',
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
  return { format: 'avif', ...(width !== undefined && { width }), ...(height !== undefined && { height }) }
}

function bmpHeader(view: DataView): ImageHeader {
  const core = view.getUint32(14, true) === 12
  return core
    ? { format: 'bmp', width: view.getUint16(18, true), height: view.getUint16(20, true) }
    : { format: 'bmp', width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }
}
