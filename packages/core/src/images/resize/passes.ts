import type { RawImage } from '../raw-image'
import type { Pass } from './coefficients'

/*
 * The two passes over interleaved RGB bytes in plain TypeScript. `simd.ts` does the same in WebAssembly;
 * both are held to the same fixtures.
 */

/** Rows `[firstRow, endRow)` and columns from `x0` of a picture, through one pass or both. */
export function plainPasses(
  image: RawImage,
  x0: number,
  columns: number,
  firstRow: number,
  endRow: number,
  horizontal: Pass | undefined,
  vertical: Pass | undefined,
): Uint8Array {
  const between = horizontal
    ? horizontalPass(image.data, image.width, firstRow, endRow - firstRow, horizontal)
    : copyRows(image, x0, columns, firstRow, endRow)
  return vertical ? verticalPass(between, columns * 3, firstRow, vertical) : between
}

export function copyRows(image: RawImage, x0: number, columns: number, firstRow: number, endRow: number): Uint8Array {
  const line = columns * 3
  const target = new Uint8Array(line * (endRow - firstRow))
  for (let y = firstRow; y < endRow; y++) {
    const from = (y * image.width + x0) * 3
    target.set(image.data.subarray(from, from + line), (y - firstRow) * line)
  }
  return target
}

const clampByte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value)

/**
 * Horizontal pass over the rows `[firstRow, firstRow + rows)` of a picture `width` wide.
 * @returns `[rows, outputs, 3]`
 */
function horizontalPass(
  source: Uint8Array | Uint8ClampedArray,
  width: number,
  firstRow: number,
  rows: number,
  pass: Pass,
): Uint8Array {
  const { precision, taps, starts, counts, weights } = pass
  const outputs = starts.length
  const target = new Uint8Array(rows * outputs * 3)
  const half = 1 << (precision - 1)
  let to = 0
  for (let y = 0; y < rows; y++) {
    const row = (firstRow + y) * width * 3
    for (let x = 0; x < outputs; x++) {
      let from = row + starts[x]! * 3
      let k = x * taps
      const end = k + counts[x]!
      let red = half
      let green = half
      let blue = half
      for (; k < end; k++, from += 3) {
        const weight = weights[k]!
        red = (red + Math.imul(source[from]!, weight)) | 0
        green = (green + Math.imul(source[from + 1]!, weight)) | 0
        blue = (blue + Math.imul(source[from + 2]!, weight)) | 0
      }
      target[to++] = clampByte(red >> precision)
      target[to++] = clampByte(green >> precision)
      target[to++] = clampByte(blue >> precision)
    }
  }
  return target
}

/**
 * Vertical pass over lines of `line` bytes, the first of which is input row `firstRow`.
 * @returns `[outputs, line]`
 */
function verticalPass(source: Uint8Array, line: number, firstRow: number, pass: Pass): Uint8Array {
  const { precision, taps, starts, counts, weights } = pass
  const outputs = starts.length
  const target = new Uint8Array(outputs * line)
  const sums = new Int32Array(line)
  for (let y = 0; y < outputs; y++) {
    sums.fill(1 << (precision - 1))
    for (let k = 0; k < counts[y]!; k++) {
      const weight = weights[y * taps + k]!
      const from = (starts[y]! - firstRow + k) * line
      for (let x = 0; x < line; x++) sums[x] = (sums[x]! + Math.imul(source[from + x]!, weight)) | 0
    }
    for (let x = 0; x < line; x++) target[y * line + x] = clampByte(sums[x]! >> precision)
  }
  return target
}
