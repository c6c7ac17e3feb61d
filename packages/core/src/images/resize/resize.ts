import type { RawImage } from '../../platform/platform'
import { passWeights, type Rounding } from './coefficients'
import { KERNELS, type ResampleName } from './filters'
import { nearestIndices } from './nearest'
import { horizontalPass, verticalPass } from './passes'

/** A part of the resized picture: `[y0, y1) x [x0, x1)`. */
export interface Window {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

/**
 * Resizes to `width` x `height` as Pillow or torchvision do, to the bit, and returns the `window` of the result
 * (all of it by default): each output pixel depends on the input alone, so the rest need not be computed.
 * Horizontal pass first, bytes between the passes, a pass is left out where its size does not change.
 */
export function resize(
  image: RawImage,
  width: number,
  height: number,
  resample: ResampleName,
  rounding: Rounding,
  window: Window = { x0: 0, y0: 0, x1: width, y1: height },
): RawImage {
  const { x0, y0, x1, y1 } = window
  const result = (data: Uint8Array): RawImage => ({ data, width: x1 - x0, height: y1 - y0, channels: 3 })
  if (width === image.width && height === image.height) {
    const whole = x0 === 0 && y0 === 0 && x1 === width && y1 === height
    return whole ? image : result(copyRows(image, x0, x1, y0, y1))
  }
  if (resample === 'nearest') {
    const columns = nearestIndices(image.width, width, rounding).subarray(x0, x1)
    const rows = nearestIndices(image.height, height, rounding).subarray(y0, y1)
    return result(gather(image, columns, rows))
  }

  const kernel = KERNELS[resample]
  const vertical = height === image.height ? undefined : passWeights(image.height, height, kernel, rounding, y0, y1)
  const last = y1 - y0 - 1
  const firstRow = vertical ? vertical.starts[0]! : y0
  const endRow = vertical ? vertical.starts[last]! + vertical.counts[last]! : y1

  const between =
    width === image.width
      ? copyRows(image, x0, x1, firstRow, endRow)
      : horizontalPass(
          image.data,
          image.width,
          firstRow,
          endRow - firstRow,
          passWeights(image.width, width, kernel, rounding, x0, x1),
        )
  return result(vertical ? verticalPass(between, (x1 - x0) * 3, firstRow, vertical) : between)
}

/** The pixels at `rows` x `columns`. */
function gather(image: RawImage, columns: Int32Array, rows: Int32Array): Uint8Array {
  const target = new Uint8Array(columns.length * rows.length * 3)
  let to = 0
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * image.width + column) * 3
      target[to++] = image.data[from]!
      target[to++] = image.data[from + 1]!
      target[to++] = image.data[from + 2]!
    }
  }
  return target
}

function copyRows(image: RawImage, x0: number, x1: number, firstRow: number, endRow: number): Uint8Array {
  const line = (x1 - x0) * 3
  const target = new Uint8Array(line * (endRow - firstRow))
  for (let y = firstRow; y < endRow; y++) {
    const from = (y * image.width + x0) * 3
    target.set(image.data.subarray(from, from + line), (y - firstRow) * line)
  }
  return target
}
