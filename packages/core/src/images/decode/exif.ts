import type { Orientation } from './orient'

/** Tag 0x112 of the first directory of an EXIF block; 1 where there is none. */
export function exifOrientation(block: Uint8Array): Orientation {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  try {
    const little = view.getUint16(0) === 0x4949
    const start = view.getUint32(4, little)
    for (let i = 0; i < view.getUint16(start, little); i++) {
      const entry = start + 2 + i * 12
      if (view.getUint16(entry, little) !== 0x112) continue
      const value = view.getUint16(entry + 8, little)
      return value >= 1 && value <= 8 ? (value as Orientation) : 1
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return 1
}

/** A WebP file whose EXIF chunk goes by another name, and the orientation that it held. */
export function withoutExif(bytes: Uint8Array): { file: Uint8Array; orientation: Orientation } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const isExif = view.getUint32(at) === 0x45584946
    if (isExif) {
      const body = bytes.subarray(at + 8, at + 8 + size)
      const hasPrefix = String.fromCharCode(...body.subarray(0, 4)) === 'Exif'
      const file = bytes.slice()
      file.set([0x58, 0x58, 0x58, 0x58], at)
      return { file, orientation: exifOrientation(hasPrefix ? body.subarray(6) : body) }
    }
    at += 8 + size + (size % 2)
  }
  return { file: bytes, orientation: 1 }
}
