import { ImageError } from '../../base/errors'
import type { RawImage } from '../raw-image'
import type { ImageHeader } from './header'
import { inflate } from './inflate'

const damaged = (cause?: unknown) =>
  new ImageError('image-corrupt', 'The PNG image is damaged or incomplete.', { cause })

/** Adam7: first row, first column, row step, column step. */
const ADAM7 = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
] as const

/** A PNG of one 16-bit channel. Pillow clips its values to a byte, where browsers scale them. */
export async function decodeGrey16(bytes: Uint8Array, { width = 0, height = 0 }: ImageHeader): Promise<RawImage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const compressed: Uint8Array<ArrayBuffer>[] = []
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const body = bytes.slice(at + 8, at + 8 + view.getUint32(at))
    if (kind === 'IDAT') compressed.push(body)
  }
  const passes = view.getUint8(28) === 1 ? ADAM7 : ([[0, 0, 1, 1]] as const)
  // Each line has a byte for its filter; the passes of an interlaced picture have fewer than twice the lines.
  const lines = await inflate(compressed, (height * 2 + 8) * (width * 2 + 1)).catch((cause: unknown) => {
    throw damaged(cause)
  })
  const data = new Uint8Array(width * height * 3)
  let at = 0
  for (const [firstRow, firstColumn, rowStep, columnStep] of passes) {
    const columns = Math.ceil((width - firstColumn) / columnStep)
    const rows = Math.ceil((height - firstRow) / rowStep)
    if (columns <= 0 || rows <= 0) continue
    let above = new Uint8Array(columns * 2)
    for (let row = 0; row < rows; row++) {
      const filter = lines[at++]
      const line = lines.subarray(at, at + columns * 2)
      at += columns * 2
      if (filter === undefined || filter > 4 || line.length < columns * 2) throw damaged()
      unfilter(line, above, filter)
      above = line
      for (let column = 0; column < columns; column++) {
        const value = line[column * 2] === 0 ? line[column * 2 + 1]! : 255
        const to = ((firstRow + row * rowStep) * width + firstColumn + column * columnStep) * 3
        data.fill(value, to, to + 3)
      }
    }
  }
  return { data, width, height, channels: 3 }
}

/** Undoes a line's filter in place; pixels are two bytes. */
function unfilter(line: Uint8Array, above: Uint8Array, filter: number): void {
  for (let i = 0; i < line.length; i++) {
    const left = i < 2 ? 0 : line[i - 2]!
    const up = above[i]!
    const corner = i < 2 ? 0 : above[i - 2]!
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!
    line[i] = line[i]! + guess
  }
}

function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}
