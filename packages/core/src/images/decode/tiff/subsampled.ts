import { TAG, type Directory } from './directory'
import { unsupported } from './errors'
import { COMPRESSION, PHOTOMETRIC, type Kind } from './kind'

/** Of YCbCr whose colours are stored for several pixels at a time: a group holds `h * v` lumas, one Cb, one Cr. */
export interface Subsampling {
  readonly h: number
  readonly v: number
  /** Bytes of a block. */
  size(width: number, rows: number): number
}

/** What libtiff reads; less 4x4, whose last corner it gets wrong. */
const PAIRS = ['1x2', '2x1', '2x2', '4x1', '4x2']

/** Undefined where each pixel has colours of its own. */
export function subsampling(
  directory: Directory,
  { photometric, samples, compression, planar }: Kind,
): Subsampling | undefined {
  if (photometric !== PHOTOMETRIC.ycc || samples !== 3 || compression === COMPRESSION.jpeg) return undefined
  const given = directory.numbers(TAG.yccSubsampling)
  // Pillow takes uncompressed pixels for whole ones where nothing is said, libtiff takes others for the default.
  const [h = 1, v = 1] = given ?? (compression === COMPRESSION.none ? [1, 1] : [2, 2])
  if (h === 1 && v === 1) return undefined
  if (compression === COMPRESSION.none || planar || !PAIRS.includes(`${h}x${v}`))
    throw unsupported(`YCbCr colours subsampled by ${h}x${v}`)
  return { h, v, size: (width, rows) => Math.ceil(width / h) * Math.ceil(rows / v) * (h * v + 2) }
}

/** Groups to `[rows, width, 3]`; colours are repeated. */
export function unpackYcc(bytes: Uint8Array, width: number, rows: number, { h, v }: Subsampling): Uint8Array {
  const result = new Uint8Array(width * rows * 3)
  const group = h * v + 2
  const across = Math.ceil(width / h)
  for (let y = 0, to = 0; y < rows; y++)
    for (let x = 0; x < width; x++, to += 3) {
      const start = (Math.floor(y / v) * across + Math.floor(x / h)) * group
      result[to] = bytes[start + (y % v) * h + (x % h)]!
      result[to + 1] = bytes[start + h * v]!
      result[to + 2] = bytes[start + h * v + 1]!
    }
  return result
}
