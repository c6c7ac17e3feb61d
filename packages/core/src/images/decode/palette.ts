import type { ImageHeader } from './header'

/** 256 RGB entries; Pillow leaves the ones that a file does not give at their own number in grey. */
export function greyPalette(): Uint8Array {
  return Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3))
}

/** Each entry is its own number in grey: Pillow then keeps the picture as grey. */
export const isGrey = (palette: Uint8Array): boolean => greyPalette().every((value, i) => value === palette[i])

/** The palette of a PNG that Pillow keeps as indices or as bits; undefined for others. */
export function paletteOfPng(bytes: Uint8Array, { format, colorType, bitDepth }: ImageHeader): Uint8Array | undefined {
  const isBits = colorType === 0 && bitDepth === 1
  if (format !== 'png' || !(isBits || colorType === 3)) return undefined
  const palette = greyPalette()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Chunks: length, name, content, checksum.
  for (let at = 8; !isBits && at + 8 < bytes.length; at += view.getUint32(at) + 12) {
    if (view.getUint32(at + 4) !== PLTE) continue
    palette.set(bytes.subarray(at + 8, at + 8 + Math.min(view.getUint32(at), palette.length)))
    break
  }
  return palette
}

const PLTE = 0x504c5445

/** `[pixels]` indices to `[pixels, 3]` RGB. */
export function applyPalette(indices: Uint8Array, palette: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(indices.length * 3)
  for (let i = 0, to = 0; i < indices.length; i++) {
    const from = indices[i]! * 3
    rgb[to++] = palette[from]!
    rgb[to++] = palette[from + 1]!
    rgb[to++] = palette[from + 2]!
  }
  return rgb
}
