import { ImageError } from '../../base/errors'
import { checkPixels } from '../limits'
import type { DecodeOptions, RawImage } from '../raw-image'
import { alphaOf, putOn } from '../transparency'
import { applyPalette, greyPalette, isGrey } from './palette'

const damaged = (why: string) => new ImageError('image-corrupt', `The BMP image is damaged or incomplete: ${why}.`)
const unsupported = (what: string) =>
  new ImageError('image-unsupported-format', `BMP images with ${what} are not supported. Save the picture as PNG.`)

const RAW = 0
const RLE8 = 1
const RLE4 = 2
const BITFIELDS = 3

interface Header {
  width: number
  height: number
  topDown: boolean
  bits: number
  compression: number
  /** Of red, green and blue. */
  masks: readonly [number, number, number] | undefined
  /** Of the byte of alpha, where there is one. */
  alphaShift: number | undefined
  palette: Uint8Array
  /** Where the pixels begin. */
  offset: number
}

/** As Pillow's `BmpImagePlugin`. */
export function decodeBmp(bytes: Uint8Array, options: DecodeOptions): RawImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    const header = readHeader(bytes, view)
    const { width, height } = header
    checkPixels(width, height, options.maxPixels, 'The BMP image')
    const rows = (pixels: Uint8Array, channels: number) => (header.topDown ? pixels : flipped(pixels, width * channels))
    if (header.bits <= 8) {
      const { palette } = header
      const kept = options.asStored && !isGrey(palette)
      const data = rows(indexed(bytes, view, header), 3)
      return { data, width, height, channels: 3, ...(kept && { palette }) }
    }
    const { rgb, alphas } = direct(view, header, options)
    const alpha = options.asStored && alphas ? alphaOf(rows(alphas, 1), 1) : undefined
    return { data: rows(rgb, 3), width, height, channels: 3, alpha }
  } catch (error) {
    if (error instanceof RangeError) throw damaged('it ends too early')
    throw error
  }
}

function readHeader(bytes: Uint8Array, view: DataView): Header {
  const size = view.getUint32(14, true)
  const core = size === 12
  if (!core && ![40, 52, 56, 64, 108, 124].includes(size)) throw damaged(`a header of ${size} bytes`)
  const topDown = !core && view.getUint8(25) === 0xff
  const width = core ? view.getUint16(18, true) : view.getUint32(18, true)
  const height = core ? view.getUint16(20, true) : topDown ? -view.getInt32(22, true) : view.getUint32(22, true)
  const bits = view.getUint16(core ? 24 : 28, true)
  const compression = core ? RAW : view.getUint32(30, true)
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`${bits} bits per pixel`)
  if (![RAW, RLE8, RLE4, BITFIELDS].includes(compression)) throw unsupported(`compression ${compression}`)

  let end = 14 + size
  let masks: Header['masks']
  let alphaShift: number | undefined
  if (compression === BITFIELDS) {
    masks = [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)]
    if (bits === 32) alphaShift = alphaShiftOf(size >= 56 ? view.getUint32(66, true) : 0, masks)
    if (size < 52) end += 12
  }
  const palette = greyPalette()
  const entry = core ? 3 : 4
  const colors = (core ? 0 : view.getUint32(46, true)) || 2 ** bits
  if (bits <= 8) {
    const given = Math.min(colors, 256, Math.floor((bytes.length - end) / entry))
    for (let i = 0; i < given; i++)
      for (let c = 0; c < 3; c++) palette[i * 3 + c] = view.getUint8(end + i * entry + 2 - c)
    end += colors * entry
  }
  return {
    width,
    height,
    topDown,
    bits,
    compression,
    masks,
    alphaShift,
    palette,
    offset: view.getUint32(10, true) || end,
  }
}

/** Pillow's: four masks of zero stand for BGRA. */
function alphaShiftOf(mask: number, colors: readonly number[]): number | undefined {
  if (mask === 0) return colors.every((color) => color === 0) ? 24 : undefined
  return 31 - Math.clz32(mask & -mask)
}

const strideOf = ({ width, bits }: Header): number => Math.floor((width * bits + 31) / 32) * 4

/** 1, 4 and 8 bits: indices into the palette, packed or run-length coded. */
function indexed(bytes: Uint8Array, view: DataView, header: Header): Uint8Array {
  const { width, height, bits, offset, compression, palette } = header
  if (compression === RLE8 || compression === RLE4) return applyPalette(runLengths(bytes, header), palette)
  if (compression === BITFIELDS) throw unsupported('bit fields below 16 bits per pixel')
  const indices = new Uint8Array(width * height)
  const stride = strideOf(header)
  const mask = (1 << bits) - 1
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const bit = x * bits
      indices[to++] = (view.getUint8(offset + y * stride + (bit >> 3)) >> (8 - bits - (bit & 7))) & mask
    }
  return applyPalette(indices, palette)
}

/** Rows one after another; escapes end the row, end the picture, or skip. */
function runLengths(bytes: Uint8Array, { width, height, offset, compression }: Header): Uint8Array {
  const half = compression === RLE4
  const indices = new Uint8Array(width * height)
  let at = offset
  let to = 0
  let x = 0
  while (to < indices.length && at + 1 < bytes.length) {
    const count = bytes[at++]!
    const value = bytes[at++]!
    if (count > 0) {
      const run = Math.min(count, Math.max(0, width - x))
      for (let i = 0; i < run; i++) indices[to++] = half ? (i % 2 ? value & 15 : value >> 4) : value
      x += run
    } else if (value === 0) {
      to = Math.ceil(to / width) * width
      x = 0
    } else if (value === 1) break
    else if (value === 2) {
      to += (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * width
      at += 2
      x = to % width
    } else {
      const length = half ? value >> 1 : value
      for (const byte of bytes.subarray(at, at + length)) {
        if (half) {
          indices[to++] = byte >> 4
          indices[to++] = byte & 15
        } else indices[to++] = byte
      }
      at += length
      x += value
      if (at % 2) at++
    }
  }
  if (to < indices.length) throw damaged('pixels are missing')
  return indices
}

/** 16, 24 and 32 bits: colours themselves. */
function direct(
  view: DataView,
  header: Header,
  { background, asStored }: DecodeOptions,
): { rgb: Uint8Array; alphas: Uint8Array | undefined } {
  const { width, height, bits, offset, masks, alphaShift, compression } = header
  if (compression === RLE8 || compression === RLE4) throw unsupported(`run lengths at ${bits} bits per pixel`)
  const rgb = new Uint8Array(width * height * 3)
  const stride = strideOf(header)
  if (offset + stride * (height - 1) + Math.ceil((width * bits) / 8) > view.byteLength)
    throw damaged('it ends too early')
  const fields = fieldsOf(bits, masks)
  const bytesPerPixel = bits / 8
  const alphas = (background || asStored) && alphaShift !== undefined ? new Uint8Array(width * height) : undefined
  for (let y = 0, to = 0; y < height; y++) {
    let from = offset + y * stride
    for (let x = 0; x < width; x++, from += bytesPerPixel) {
      const pixel =
        bits === 16
          ? view.getUint16(from, true)
          : bits === 24
            ? view.getUint16(from, true) | (view.getUint8(from + 2) << 16)
            : view.getUint32(from, true)
      for (const { shift, max } of fields) {
        const value = (pixel >>> shift) & max
        rgb[to++] = max === 255 ? value : Math.floor((value * 255) / max)
      }
      if (alphas) alphas[y * width + x] = pixel >>> alphaShift!
    }
  }
  if (background && alphas) putOn(background, rgb, alphas, 1)
  return { rgb, alphas }
}

function fieldsOf(bits: number, masks: Header['masks']): { shift: number; max: number }[] {
  // All masks zero is how some writers leave them out at 32 bits.
  const given = masks?.some((mask) => mask !== 0) ? masks : undefined
  const chosen = given ?? (bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff])
  return chosen.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)
    const max = mask >>> shift
    if (max !== 31 && max !== 63 && max !== 255) throw unsupported(`the bit mask 0x${mask.toString(16)}`)
    return { shift, max }
  })
}

function flipped(pixels: Uint8Array, line: number): Uint8Array {
  const result = new Uint8Array(pixels.length)
  for (let from = 0; from < pixels.length; from += line)
    result.set(pixels.subarray(from, from + line), pixels.length - line - from)
  return result
}
