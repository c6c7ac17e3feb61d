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

/** Fill `data`, rows of `line` bytes. Each run of the processors draws 160 MB: no loop has a choice in it. */
const PAINTERS: Readonly<Record<Kind, (data: Uint8ClampedArray, line: number, seed: number) => void>> = {
  noise(data, _, seed) {
    for (let at = 0; at < data.length; at++) data[at] = hashed(at, seed)
  },
  blocks(data, line, seed) {
    for (let at = 0; at < data.length; at += line) {
      const y = at / line
      if (y % 11 > 0) data.copyWithin(at, at - line, at)
      else
        for (let i = 0; i < line; i++) data[at + i] = hashed(((y / 11) * 4096 + Math.floor(i / 21)) * 3 + (i % 3), seed)
    }
  },
  smooth(data, line, seed) {
    for (let c = 0; c < 3; c++)
      for (let at = c, y = 0; at < data.length; y++) {
        let wave = y * (5 - c + (seed % 3))
        for (const end = at + line; at < end; at += 3, wave += 3 + c + (seed % 5)) {
          const height = wave & 511
          data[at] = (height > 255 ? 511 - height : height) + (hashed(at, seed) >> 5) - 4
        }
      }
  },
}

export function draw(kind: Kind, height: number, width: number, seed: number): Drawing {
  const data = new Uint8Array(height * width * 3)
  PAINTERS[kind](new Uint8ClampedArray(data.buffer), width * 3, seed)
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
  for (let y = 0, at = 0; y < height; y++)
    for (let to = 54 + (height - 1 - y) * line, x = 0; x < width; x++, to += 3, at += 3) {
      file[to] = data[at + 2]!
      file[to + 1] = data[at + 1]!
      file[to + 2] = data[at]!
    }
  return file
}
