import { ImageError } from '../../base/errors'
import { checkPixels } from '../limits'
import type { DecodeOptions, RawImage } from '../raw-image'
import { applyPalette, greyPalette, isGrey } from './palette'

const damaged = (why: string) => new ImageError('image-corrupt', `The GIF image is damaged or incomplete: ${why}.`)

/**
 * The first frame as Pillow shows it. Transparent pixels keep their palette colour, and so does what the frame does not
 * cover (colour 0, or the transparent one): browsers and libvips would leave both black.
 */
export function decodeGif(bytes: Uint8Array, options: DecodeOptions): RawImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return decode(bytes, view, options)
  } catch (error) {
    if (error instanceof RangeError) throw damaged('it ends too early')
    throw error
  }
}

function decode(bytes: Uint8Array, view: DataView, options: DecodeOptions): RawImage {
  let at = 13
  const readPalette = (flags: number): Uint8Array | undefined => {
    if (!(flags & 0x80)) return undefined
    const palette = greyPalette()
    const size = 3 << ((flags & 7) + 1)
    palette.set(bytes.subarray(at, at + size))
    at += size
    return palette
  }
  const skipBlocks = () => {
    for (let size = view.getUint8(at++); size > 0; size = view.getUint8(at++)) at += size
  }

  const globalPalette = readPalette(view.getUint8(10))
  let transparent: number | undefined
  for (;;) {
    const kind = view.getUint8(at++)
    if (kind === 0x2c) break
    if (kind === 0x3b) throw damaged('it holds no picture')
    if (kind !== 0x21) continue
    const isGraphicControl = view.getUint8(at++) === 0xf9
    if (isGraphicControl && view.getUint8(at) >= 4 && view.getUint8(at + 1) & 1) transparent = view.getUint8(at + 4)
    skipBlocks()
  }

  const left = view.getUint16(at, true)
  const top = view.getUint16(at + 2, true)
  const frameWidth = view.getUint16(at + 4, true)
  const frameHeight = view.getUint16(at + 6, true)
  const flags = view.getUint8(at + 8)
  at += 9
  const palette = readPalette(flags) ?? globalPalette ?? greyPalette()
  const width = Math.max(view.getUint16(6, true), left + frameWidth)
  const height = Math.max(view.getUint16(8, true), top + frameHeight)
  checkPixels(width, height, options.maxPixels, 'The GIF image')

  const frame = decompress(view, at, frameWidth * frameHeight)
  const indices = new Uint8Array(width * height).fill(transparent ?? 0)
  const rows = flags & 0x40 ? interlacedRows(frameHeight) : Array.from({ length: frameHeight }, (_, y) => y)
  rows.forEach((y, i) => {
    indices.set(frame.subarray(i * frameWidth, (i + 1) * frameWidth), (top + y) * width + left)
  })
  if (options.background && transparent !== undefined) palette.set(options.background, transparent * 3)
  const kept = options.asStored && !isGrey(palette)
  return { data: applyPalette(indices, palette), width, height, channels: 3, ...(kept && { palette }) }
}

function interlacedRows(height: number): number[] {
  const rows: number[] = []
  const passes: [start: number, step: number][] = [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ]
  for (const [start, step] of passes) for (let y = start; y < height; y += step) rows.push(y)
  return rows
}

const MAX_CODES = 4096

/** LZW with codes of growing length in blocks of up to 255 bytes. */
function decompress(view: DataView, at: number, count: number): Uint8Array {
  const startBits = view.getUint8(at++)
  if (startBits < 1 || startBits > 8) throw damaged(`${startBits} bits per pixel`)
  const clear = 1 << startBits
  const end = clear + 1
  const prefixes = new Uint16Array(MAX_CODES)
  const suffixes = new Uint8Array(MAX_CODES)
  const lengths = new Uint16Array(MAX_CODES)
  for (let code = 0; code < clear; code++) {
    suffixes[code] = code
    lengths[code] = 1
  }
  const pixels = new Uint8Array(count)
  let written = 0
  let next = end + 1
  let bits = startBits + 1
  let previous = -1
  let buffer = 0
  let available = 0
  let block = 0

  while (written < count) {
    while (available < bits) {
      if (block === 0) {
        block = view.getUint8(at++)
        if (block === 0) throw damaged('pixels are missing')
      }
      buffer |= view.getUint8(at++) << available
      available += 8
      block--
    }
    const code = buffer & ((1 << bits) - 1)
    buffer >>>= bits
    available -= bits

    if (code === clear) {
      next = end + 1
      bits = startBits + 1
      previous = -1
      continue
    }
    if (code === end) throw damaged('pixels are missing')
    if (previous < 0 ? code >= clear : code > next) throw damaged('it holds an impossible code')

    // `next` is the string being defined just now: the previous one and its own first pixel.
    let entry = code
    const length = code < next ? lengths[code]! : lengths[previous]! + 1
    let to = written + length - 1
    if (code === next) {
      entry = previous
      to--
    }
    let first = 0
    for (; ; entry = prefixes[entry]!, to--) {
      first = suffixes[entry]!
      if (to < count) pixels[to] = first
      if (lengths[entry] === 1) break
    }
    if (code === next && written + length - 1 < count) pixels[written + length - 1] = first
    written += length

    if (previous >= 0 && next < MAX_CODES) {
      prefixes[next] = previous
      suffixes[next] = first
      lengths[next] = lengths[previous]! + 1
      next++
      if (next === 1 << bits && bits < 12) bits++
    }
    previous = code
  }
  return pixels
}
