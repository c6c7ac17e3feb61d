/** Pictures made of integers alone, the same as `draw` in tools/reference/images.py. */
export type Kind = 'noise' | 'blocks' | 'smooth'

export interface Drawing {
  data: Uint8Array
  width: number
  height: number
  channels: 3
}

/** One byte for each index: MurmurHash3's finaliser over index and seed. */
function hashed(index: number, seed: number): number {
  let x = Math.imul(index, 0x9e3779b1) ^ seed
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  x ^= x >>> 16
  return x >>> 24
}

export function draw(kind: Kind, height: number, width: number, seed: number): Drawing {
  const data = new Uint8Array(height * width * 3)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, at++) {
        if (kind === 'noise') data[at] = hashed(at, seed)
        else if (kind === 'blocks') data[at] = hashed((Math.floor(y / 11) * 4096 + Math.floor(x / 7)) * 3 + c, seed)
        else {
          const wave = (x * (3 + c + (seed % 5)) + y * (5 - c + (seed % 3))) % 512
          const value = (wave > 255 ? 511 - wave : wave) + (hashed(at, seed) >> 5) - 4
          data[at] = Math.min(Math.max(value, 0), 255)
        }
      }
  return { data, width, height, channels: 3 }
}

/** A BMP of 24 bits: the same bytes after decoding. */
export function bmpFile({ data, width, height }: Drawing): Uint8Array {
  const line = (width * 3 + 3) & ~3
  const file = new Uint8Array(54 + line * height)
  const view = new DataView(file.buffer)
  file.set([0x42, 0x4d])
  for (const [at, value] of [
    [2, file.length],
    [10, 54],
    [14, 40],
    [18, width],
    [22, height],
    [26, 1 | (24 << 16)],
  ] as const)
    view.setUint32(at, value, true)
  // Rows from the bottom, blue first.
  for (let y = 0; y < height; y++)
    for (let i = 0; i < width * 3; i++)
      file[54 + (height - 1 - y) * line + i] = data[y * width * 3 + i - (i % 3) + 2 - (i % 3)]!
  return file
}
