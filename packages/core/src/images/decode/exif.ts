import type { Orientation } from './orient'

/** Of a value that is no orientation: upright. */
const checked = (value: number): Orientation => (value >= 1 && value <= 8 ? (value as Orientation) : 1)

/** Tag 0x112 of the first directory of an EXIF block; undefined where there is none. */
export function exifOrientation(block: Uint8Array): Orientation | undefined {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const prefix = isExif(block) ? 6 : 0
  try {
    const little = view.getUint16(prefix) === 0x4949
    const start = prefix + view.getUint32(prefix + 4, little)
    for (let i = 0; i < view.getUint16(start, little); i++) {
      const entry = start + 2 + i * 12
      if (view.getUint16(entry, little) !== 0x112) continue
      const isLong = view.getUint16(entry + 2, little) === 4
      return checked(isLong ? view.getUint32(entry + 8, little) : view.getUint16(entry + 8, little))
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

const isExif = (block: Uint8Array): boolean => String.fromCharCode(...block.subarray(0, 6)) === 'Exif\0\0'

/** `tiff:Orientation` of an XMP packet, as an attribute or an element: the first that Pillow's expression finds. */
export function xmpOrientation(packet: Uint8Array): Orientation | undefined {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(new TextDecoder('latin1').decode(packet))
  return found ? checked(Number(found[1])) : undefined
}
