import { ImageError } from '../../../base/errors'
import { checkPixels } from '../../limits'
import type { DecodeOptions, ImageLimits, RawImage } from '../../raw-image'
import { putOn } from '../../transparency'
import { exifOrientation, xmpOrientation } from '../exif'
import { orient, type Orientation } from '../orient'
import { toRgb } from './colors'
import { Directory, TAG } from './directory'
import { damaged, unsupported } from './errors'
import { COMPRESSION, kindOf, type Kind } from './kind'
import { layoutOf, type Block, type Layout } from './layout'
import { toBytes, swapBytes, undoPredictor, withBitsReversed } from './samples'
import { subsampling, unpackYcc } from './subsampled'
import { unpackBlock } from './unpack'

/** The first picture of a TIFF or BigTIFF file as Pillow reads it; alpha is dropped where no background is given. */
export async function decodeTiff(bytes: Uint8Array, options: DecodeOptions): Promise<RawImage> {
  try {
    return await decode(bytes, options)
  } catch (error) {
    if (error instanceof ImageError) throw error
    throw damaged(error instanceof RangeError ? 'it ends too early' : String(error), error)
  }
}

async function decode(bytes: Uint8Array, limits: DecodeOptions): Promise<RawImage> {
  const directory = new Directory(bytes)
  const width = directory.number(TAG.width, 0)
  const height = directory.number(TAG.height, 0)
  checkPixels(width, height, limits.maxPixels, 'The TIFF image')
  const kind = kindOf(directory)
  const layout = layoutOf(directory, kind, width, height, limits)
  const pixels = new Uint8Array(width * height * kind.samples)
  for (const block of layout.blocks)
    writeBlock(await samplesOf(bytes, block, layout, kind, directory, limits), block, kind, layout, pixels)
  const data = toRgb(pixels, kind, directory)
  if (limits.background && kind.alphaAt !== undefined)
    putOn(limits.background, data, pixels, kind.samples, kind.alphaAt)
  return orient({ data, width, height, channels: 3 }, orientationOf(bytes, directory))
}

function orientationOf(bytes: Uint8Array, directory: Directory): Orientation {
  const packet = directory.bytes(TAG.xmp)
  return exifOrientation(bytes) ?? (packet && xmpOrientation(packet)) ?? 1
}

/** A block as bytes: `[rows, blockWidth, samples]`. */
async function samplesOf(
  bytes: Uint8Array,
  { offset, length, rows }: Block,
  { blockWidth }: Layout,
  kind: Kind,
  directory: Directory,
  limits: ImageLimits,
): Promise<Uint8Array> {
  const { compression, bits } = kind
  const perPixel = kind.planar ? 1 : kind.samples
  const perRow = blockWidth * perPixel
  const line = Math.ceil((perRow * bits) / 8)
  const factors = subsampling(directory, kind)
  const size = factors ? factors.size(blockWidth, rows) : line * rows
  if (offset > bytes.length) throw damaged('it ends too early')
  const stored = bytes.subarray(offset, offset + (compression === COMPRESSION.none ? size : length))
  const isJpeg = compression === COMPRESSION.jpeg
  const data = await unpackBlock(
    kind.reversed && !isJpeg ? withBitsReversed(stored) : stored,
    { ...kind, width: blockWidth, rows, size, perPixel },
    directory,
    limits,
  )
  if (isJpeg) return data
  const predictor = directory.number(TAG.predictor, 1)
  const predicted =
    predictor !== 1 &&
    [COMPRESSION.lzw, COMPRESSION.deflate, COMPRESSION.oldDeflate].some((known) => known === compression)
  if (!directory.littleEndian && bits >= 16 && !(predicted && predictor === 3)) swapBytes(data, bits)
  if (predicted) {
    if (factors) throw unsupported('a predictor of subsampled colours')
    undoPredictor(data, predictor, kind, perPixel, line)
  }
  return factors ? unpackYcc(data, blockWidth, rows, factors) : toBytes(data, kind, perRow)
}

/** Copies the part of a block that lies within the picture. */
function writeBlock(
  data: Uint8Array,
  { x, y, rows, plane }: Block,
  kind: Kind,
  { width, height, blockWidth }: Layout,
  pixels: Uint8Array,
): void {
  const { samples, planar } = kind
  const columns = Math.min(blockWidth, width - x)
  for (let row = 0; row < Math.min(rows, height - y); row++) {
    const to = ((y + row) * width + x) * samples
    if (planar) {
      const from = row * blockWidth
      for (let i = 0; i < columns; i++) pixels[to + i * samples + plane] = data[from + i]!
    } else pixels.set(data.subarray(row * blockWidth * samples, (row * blockWidth + columns) * samples), to)
  }
}
