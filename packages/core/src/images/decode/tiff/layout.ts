import { checkPixels } from '../../limits'
import type { ImageLimits } from '../../raw-image'
import { TAG, type Directory } from './directory'
import { damaged } from './errors'
import type { Kind } from './kind'

/** A strip or tile. */
export interface Block {
  readonly x: number
  readonly y: number
  readonly plane: number
  /** Rows that are stored; of a tile some may lie below the picture. */
  readonly rows: number
  readonly offset: number
  readonly length: number
}

export interface Layout {
  readonly width: number
  readonly height: number
  readonly blockWidth: number
  readonly blocks: readonly Block[]
}

/** Where the strips or tiles of a picture lie. */
export function layoutOf(directory: Directory, kind: Kind, width: number, height: number, limits: ImageLimits): Layout {
  const strips = directory.numbers(TAG.stripOffsets)
  const offsets = strips ?? directory.numbers(TAG.tileOffsets)
  if (!offsets) throw damaged('it does not say where its pixels are')
  const lengths = directory.numbers(strips ? TAG.stripByteCounts : TAG.tileByteCounts) ?? []
  const blockWidth = strips ? width : directory.number(TAG.tileWidth, 0)
  const blockHeight = strips
    ? Math.min(height, directory.number(TAG.rowsPerStrip, height))
    : directory.number(TAG.tileHeight, 0)
  checkPixels(blockWidth, blockHeight, limits.maxPixels, 'A tile of the TIFF image')
  const across = Math.ceil(width / blockWidth)
  const down = Math.ceil(height / blockHeight)
  const planes = kind.planar ? kind.samples : 1
  if (offsets.length < across * down * planes) throw damaged('parts of it are missing')
  const blocks: Block[] = []
  for (let plane = 0; plane < planes; plane++)
    for (let row = 0; row < down; row++)
      for (let column = 0; column < across; column++) {
        const index = blocks.length
        const y = row * blockHeight
        blocks.push({
          x: column * blockWidth,
          y,
          plane,
          rows: strips ? Math.min(blockHeight, height - y) : blockHeight,
          offset: offsets[index]!,
          length: lengths[index] ?? Infinity,
        })
      }
  return { width, height, blockWidth, blocks }
}
