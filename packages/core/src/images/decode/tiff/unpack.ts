import type { ImageLimits } from '../../raw-image'
import { inflate } from '../inflate'
import { decodeJpegSamples } from '../jpeg/decode'
import { TAG, type Directory } from './directory'
import { damaged } from './errors'
import { decodeFax } from './fax'
import { COMPRESSION, PHOTOMETRIC, type Kind } from './kind'
import { unLzw } from './lzw'
import { unpackBits } from './pack-bits'

/** What a strip or tile holds. */
interface Expected extends Kind {
  readonly width: number
  readonly rows: number
  /** Bytes of it. */
  readonly size: number
  /** Samples of a pixel in it. */
  readonly perPixel: number
}

/** The bytes of a strip or tile, decompressed: a buffer of its own. */
export async function unpackBlock(
  stored: Uint8Array,
  expected: Expected,
  directory: Directory,
  limits: ImageLimits,
): Promise<Uint8Array> {
  const { compression, size, width, rows } = expected
  switch (compression) {
    case COMPRESSION.deflate:
    case COMPRESSION.oldDeflate:
      return inflated(stored, size)
    case COMPRESSION.lzw:
      return unLzw(stored, size)
    case COMPRESSION.packBits:
      return unpackBits(stored, size)
    case COMPRESSION.jpeg:
      return jpegBlock(stored, expected, directory, limits)
    case COMPRESSION.fax:
      return decodeFax(stored, { width, height: rows, coding: 'rows', twoDimensional: false })
    case COMPRESSION.fax3: {
      const twoDimensional = (directory.number(TAG.t4Options, 0) & 1) === 1
      return decodeFax(stored, { width, height: rows, coding: 't4', twoDimensional })
    }
    case COMPRESSION.fax4:
      return decodeFax(stored, { width, height: rows, coding: 't6', twoDimensional: true })
    default:
      if (stored.length < size) throw damaged('it ends too early')
      // `slice` of a Buffer is no copy.
      return new Uint8Array(stored)
  }
}

/** All of it is read, because the checksum at its end tells of damage. */
async function inflated(stored: Uint8Array, size: number): Promise<Uint8Array> {
  const bytes = await inflate([stored], size).catch((cause: unknown) => {
    throw damaged('its compressed data are wrong', cause)
  })
  if (bytes.length < size) throw damaged('it ends too early')
  return bytes
}

/** A JPEG whose tables may be kept apart, for all blocks. */
function jpegBlock(
  stored: Uint8Array,
  { photometric, planar, width, rows, perPixel }: Expected,
  directory: Directory,
  limits: ImageLimits,
): Uint8Array {
  const tables = directory.bytes(TAG.jpegTables)
  // Each has its own marks of start and end.
  const file = tables ? concatenated(tables.subarray(0, -2), stored.subarray(2)) : stored
  const picture = decodeJpegSamples(file, photometric === PHOTOMETRIC.ycc && !planar, limits)
  if (picture.width !== width || picture.height < rows || picture.samples !== perPixel)
    throw damaged('a JPEG in it is of another size')
  return picture.data.subarray(0, width * rows * perPixel)
}

function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const result = new Uint8Array(first.length + second.length)
  result.set(first)
  result.set(second, first.length)
  return result
}
