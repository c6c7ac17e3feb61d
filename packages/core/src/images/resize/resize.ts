import type { RawImage } from '../raw-image'
import { passWeights, type Pass, type Rounding } from './coefficients'
import { KERNELS, type KernelName, type ResampleName } from './filters'
import { nearestIndices } from './nearest'
import { copyRows, plainPasses } from './passes'
import { simdPasses } from './simd'

/** Whose algorithm, by the major release of Pillow whose order of passes is taken. */
export interface Algorithm {
  readonly backend: Rounding
  readonly pillow: PillowVersion
}

export type PillowVersion = 12 | 13

/** A part of the resized picture: `[y0, y1) x [x0, x1)`. */
export interface ImageWindow {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
}

/**
 * Resizes to `width` x `height` as Pillow or torchvision do, to the bit, and returns the `window` of the result
 * (all of it by default): each output pixel depends on the input alone, so the rest need not be computed.
 * Horizontal pass first (but see `isVerticalFirst`), bytes between the passes, a pass is left out where its size does
 * not change.
 */
export function resize(
  image: RawImage,
  width: number,
  height: number,
  resample: ResampleName,
  algorithm: Algorithm,
  window: ImageWindow = { x0: 0, y0: 0, x1: width, y1: height },
): RawImage {
  const { x0, y0, x1, y1 } = window
  const result = (data: Uint8Array): RawImage => ({ data, width: x1 - x0, height: y1 - y0, channels: 3 })
  if (width === image.width && height === image.height) {
    const whole = x0 === 0 && y0 === 0 && x1 === width && y1 === height
    return whole ? image : result(copyRows(image, x0, x1 - x0, y0, y1))
  }
  if (width !== image.width && isVerticalFirst(image, width, height, algorithm)) {
    const low = resize(image, image.width, height, resample, algorithm, { x0: 0, y0, x1: image.width, y1 })
    return resize(low, width, low.height, resample, algorithm, { x0, y0: 0, x1, y1: low.height })
  }
  const { backend: rounding } = algorithm
  if (resample === 'nearest') {
    const columns = nearestIndices(image.width, width, rounding).subarray(x0, x1)
    const rows = nearestIndices(image.height, height, rounding).subarray(y0, y1)
    return result(gather(image, columns, rows))
  }

  const vertical = height === image.height ? undefined : cachedWeights(image.height, height, resample, rounding, y0, y1)
  const last = y1 - y0 - 1
  const firstRow = vertical ? vertical.starts[0]! : y0
  const endRow = vertical ? vertical.starts[last]! + vertical.counts[last]! : y1

  const horizontal = width === image.width ? undefined : cachedWeights(image.width, width, resample, rounding, x0, x1)
  const part = [image, x0, x1 - x0, firstRow, endRow, horizontal, vertical] as const
  return result(simdPasses(...part) ?? plainPasses(...part))
}

/**
 * torchvision never. Pillow 12 for pictures more than a hundred times as high as wide that get lower, Pillow 13 where
 * more than twice as many rows go as columns.
 */
function isVerticalFirst(image: RawImage, width: number, height: number, { backend, pillow }: Algorithm): boolean {
  if (backend !== 'pil' || height >= image.height) return false
  return pillow === 12 ? image.height > image.width * 100 : image.height - height > 2 * (image.width - width)
}

const CACHED = 16
const cache = new Map<string, Pass>()

/** Pictures of a data set tend to have the same size, and their weights take as long as a small resize. */
function cachedWeights(
  inSize: number,
  outSize: number,
  resample: KernelName,
  rounding: Rounding,
  from: number,
  to: number,
): Pass {
  const key = [inSize, outSize, resample, rounding, from, to].join()
  const pass = cache.get(key) ?? passWeights(inSize, outSize, KERNELS[resample], rounding, from, to)
  // The most recently used come last.
  cache.delete(key)
  if (pass.weights.length < 1 << 16) cache.set(key, pass)
  if (cache.size > CACHED) cache.delete(cache.keys().next().value!)
  return pass
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
