import { createImageProcessor, type Tensor, tensor } from '@dual-encoder/core'
import type { PairEncoder, PairProcessor } from '../src/index'

const SIDE = 4
const SIZE = SIDE * SIDE * 3

const unit = (rows: number[][]): Tensor<'float32'> => {
  const values = rows.flatMap((row) => row.map((value) => value / Math.hypot(...row)))
  return tensor(Float32Array.from(values), [rows.length, SIZE])
}

/** Embeds a picture as its pixels and a text as its letters. @param sign tells models apart */
export function toyModel(sign = 1): PairEncoder & { readonly pictures: () => number } {
  let pictures = 0
  return {
    pictures: () => pictures,
    getImageFeatures({ pixelValues: { data, dims } }) {
      pictures += dims[0]!
      const rows = Array.from({ length: dims[0]! }, (_, i) => [
        ...(data as Float32Array).slice(i * SIZE, (i + 1) * SIZE),
      ])
      return Promise.resolve(unit(rows.map((row) => row.map((value, d) => (d % 2 ? sign : 1) * (value + 0.01)))))
    },
    getTextFeatures({ inputIds: { data, dims } }) {
      const rows = Array.from({ length: dims[0]! }, (_, i) => {
        const row = new Array<number>(SIZE).fill(0.01)
        for (const id of (data as BigInt64Array).slice(i * dims[1]!, (i + 1) * dims[1]!)) row[Number(id) % SIZE]! += 1
        return row
      })
      return Promise.resolve(unit(rows))
    },
  }
}

const imageProcessor = createImageProcessor({
  image_processor_type: 'ViTImageProcessor',
  size: { height: SIDE, width: SIDE },
})

export const toyProcessor: PairProcessor = Object.assign(
  ({ text }: { text: string[] }) => {
    const length = Math.max(...text.map((line) => line.length))
    const ids = text.flatMap((line) => [...line.padEnd(length)].map((letter) => BigInt(letter.codePointAt(0)!)))
    return Promise.resolve({
      inputIds: tensor(BigInt64Array.from(ids), [text.length, length]),
      attentionMask: tensor(new BigInt64Array(ids.length).fill(1n), [text.length, length]),
    })
  },
  { imageProcessor },
)

/** A plain picture as a file of BMP. */
export function bmp(red: number, green: number, blue: number, side = 8): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(54 + side * side * 3)
  const header = new DataView(bytes.buffer)
  header.setUint16(0, 0x424d)
  for (const [place, value] of [
    [2, bytes.length],
    [10, 54],
    [14, 40],
    [18, side],
    [22, side],
  ] as const)
    header.setUint32(place, value, true)
  header.setUint16(26, 1, true)
  header.setUint16(28, 24, true)
  // Darker to the right: no two colours are the same direction.
  for (let i = 0; i < side * side; i++) {
    const shade = 1 - (i % side) / (2 * side)
    bytes.set([blue * shade, green * shade, red * shade], 54 + 3 * i)
  }
  return bytes
}
