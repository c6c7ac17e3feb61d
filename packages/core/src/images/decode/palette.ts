/** 256 RGB entries; Pillow leaves the ones that a file does not give at their own number in grey. */
export function greyPalette(): Uint8Array {
  return Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3))
}

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
