import type { Orientation } from './orient'
import { TAG_TYPES, uint64 } from './tag-types'

/** Of a value that is no orientation: upright. */
const checked = (value: number): Orientation =>
  Number.isInteger(value) && value >= 1 && value <= 8 ? (value as Orientation) : 1

const ORIENTATION = 0x112
/** Types whose values Pillow takes for bytes or text: they turn nothing. */
const TEXTS = [1, 2, 7]

/**
 * The orientation in the first directory of an EXIF block or a TIFF file, as Pillow reads it: entries without a value
 * or of an unknown type are passed over, and what ends too early ends the directory. Undefined where there is none.
 */
export function exifOrientation(block: Uint8Array): Orientation | undefined {
  const prefixes = isExif(block) ? (isExif(block.subarray(6)) ? 12 : 6) : 0
  const view = new DataView(block.buffer, block.byteOffset + prefixes, block.byteLength - prefixes)
  if (view.byteLength === 0) return undefined
  // Pillow looks no further then, not into XMP either.
  if (!isTiff(view)) return 1
  try {
    const little = view.getUint16(0) === 0x4949
    const big = view.getUint16(2, little) === 43
    const start = big ? uint64(view, 8, little) : view.getUint32(4, little)
    const count = big ? uint64(view, start, little) : view.getUint16(start, little)
    const inline = big ? 8 : 4
    let kept = 0
    for (let i = 0, at = start + (big ? 8 : 2); i < count; i++, at += inline * 2 + 4) {
      view.getUint8(at + inline * 2 + 3)
      const type = view.getUint16(at + 2, little)
      const [size, read] = TAG_TYPES[type] ?? [0]
      const length = size * (big ? uint64(view, at + 4, little) : view.getUint32(at + 4, little))
      let valueAt = at + 4 + inline
      if (length > inline) {
        kept += length
        if (kept > view.byteLength) continue
        valueAt = big ? uint64(view, valueAt, little) : view.getUint32(valueAt, little)
        view.getUint8(valueAt + length - 1)
      }
      if (view.getUint16(at, little) !== ORIENTATION || length === 0 || !read) continue
      return TEXTS.includes(type) ? 1 : checked(read(view, valueAt, little))
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

const isTiff = (view: DataView): boolean =>
  view.byteLength >= 8 &&
  [0x49492a00, 0x49492b00, 0x4d4d002a, 0x4d4d002b, 0x4d4d2a00, 0x4949002a].includes(view.getUint32(0))

const isExif = (block: Uint8Array): boolean => String.fromCharCode(...block.subarray(0, 6)) === 'Exif\0\0'

/** `tiff:Orientation` of an XMP packet, as an attribute or an element: the first that Pillow's expression finds. */
export function xmpOrientation(packet: Uint8Array): Orientation | undefined {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder('latin1').decode(packet))
  return found ? checked(Number(found[1])) : undefined
}
