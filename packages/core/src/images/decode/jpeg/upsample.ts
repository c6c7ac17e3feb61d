import type { Component, Frame } from './frame'

/** Narrower components are not interpolated. */
const MIN_FANCY_WIDTH = 3

/**
 * A component's samples at the size of the picture, `[height, width]`. As libjpeg: half-size colours are interpolated
 * 3:1 with their neighbours (with its roundings), other ratios are repeated.
 */
export function upsample(samples: Uint8Array, component: Component, frame: Frame): Uint8Array {
  const { width, height } = frame
  const across = frame.maxH / component.h
  const down = frame.maxV / component.v
  const line = component.blocksAcross * 8
  const result = new Uint8Array(width * height)
  const fancyWide = across === 2 && component.width >= MIN_FANCY_WIDTH
  const interpolate = down === 1 ? fancyWide : down === 2 && (across === 1 || fancyWide)
  const sums = new Int32Array(component.width)
  const row = new Int32Array(component.width * 2)

  for (let y = 0; y < height; y++) {
    const source = Math.floor(y / down)
    if (!interpolate) {
      for (let x = 0; x < width; x++) result[y * width + x] = samples[source * line + Math.floor(x / across)]!
      continue
    }
    const neighbour = y % 2 === 0 ? Math.max(source - 1, 0) : Math.min(source + 1, component.height - 1)
    for (let x = 0; x < component.width; x++)
      sums[x] =
        down === 2 ? samples[source * line + x]! * 3 + samples[neighbour * line + x]! : samples[source * line + x]!
    if (across === 1) for (let x = 0; x < width; x++) row[x] = (sums[x]! + (y % 2 === 0 ? 1 : 2)) >> 2
    else if (down === 2) widen(sums, row, 4, 8, 7)
    else widen(sums, row, 2, 1, 2)
    for (let x = 0; x < width; x++) result[y * width + x] = row[x]!
  }
  return result
}

/** Twice as wide; left and right halves round differently, so that errors do not add up. */
function widen(sums: Int32Array, row: Int32Array, shift: number, left: number, right: number): void {
  const last = sums.length - 1
  for (let x = 0; x <= last; x++) {
    row[2 * x] = (sums[x]! * 3 + sums[Math.max(x - 1, 0)]! + left) >> shift
    row[2 * x + 1] = (sums[x]! * 3 + sums[Math.min(x + 1, last)]! + right) >> shift
  }
}
