import { OptionError } from '../../base/errors'
import type { RawImage } from '../raw-image'
import type { ResampleName } from './filters'

/*
 * torchvision's resize of float32 pixels (ATen's `upsample_bilinear2d_aa` and `upsample_bicubic2d_aa` on a CPU), to the
 * bit: every step rounded to float32 where it is there.
 */

const f = Math.fround
/** a * b + c, rounded once. */
const fused = (a: number, b: number, c: number): number => f(a * b + c)

/** Keys' cubic with a = -0.5. */
function bicubic(x: number): number {
  if (x < 1) return fused(f(fused(1.5, x, -2.5) * x), x, 1)
  return x < 2 ? fused(fused(fused(-0.5, x, 2.5), x, -4), x, 2) : 0
}

/** By the distance from the centre, which is no less than 0. */
const KERNELS = {
  bilinear: { support: 1, at: (x: number) => (x < 1 ? f(1 - x) : 0) },
  bicubic: { support: 2, at: bicubic },
} as const

interface Kernel {
  readonly support: number
  at(x: number): number
}

/** @throws OptionError for what bytes alone are resized by */
export function floatFilter(resample: ResampleName): Kernel {
  if (resample === 'bilinear' || resample === 'bicubic') return KERNELS[resample]
  throw new OptionError(
    'image-resample',
    `resample "${resample}": this processor resizes float32 pixels. Allowed: bilinear, bicubic, nearest.`,
  )
}

type HeightWidth = Pick<RawImage, 'height' | 'width'>

/** Of each output the first input, and the weights of it and of those that follow. */
type Weights = readonly { readonly start: number; readonly weights: Float32Array }[]

function weightsOf(inSize: number, outSize: number, { support: half, at }: Kernel): Weights {
  const scale = f(inSize / outSize)
  const support = scale >= 1 ? f(half * scale) : half
  const inverse = scale >= 1 ? f(1 / scale) : 1
  return Array.from({ length: outSize }, (_, i) => {
    const centre = f(scale * (i + 0.5))
    const start = Math.max(Math.trunc(f(centre - support) + 0.5), 0)
    const end = Math.min(Math.trunc(f(centre + support) + 0.5), inSize)
    const weights = Float32Array.from({ length: end - start }, (_, k) =>
      at(Math.abs(f((f(k + start - centre) + 0.5) * inverse))),
    )
    const total = weights.reduce((sum, weight) => f(sum + weight), 0)
    return { start, weights: total === 0 ? weights : weights.map((weight) => weight / total) }
  })
}

/** How compilers add: products are rounded four by four, and what is left over is fused. */
function sumOf(source: Float32Array, from: number, step: number, weights: Float32Array): number {
  const last = weights.length - 1
  const rounded = last - (last % 4)
  let total = f(source[from]! * weights[0]!)
  for (let k = 1; k <= last; k++) {
    const product = source[from + k * step]! * weights[k]!
    total = f(total + (k <= rounded ? f(product) : product))
  }
  return total
}

/** A plane `[height, width]`, rows first; a direction in which nothing changes is left out. `filter` is asked where one does. */
export function resizeFloats(
  rows: (y: number) => Float32Array,
  from: HeightWidth,
  to: HeightWidth,
  filter: () => Kernel,
): Float32Array {
  const across = from.width === to.width ? undefined : weightsOf(from.width, to.width, filter())
  const narrow = new Float32Array(from.height * to.width)
  for (let y = 0; y < from.height; y++) {
    const row = rows(y)
    if (!across) narrow.set(row, y * to.width)
    else across.forEach(({ start, weights }, x) => (narrow[y * to.width + x] = sumOf(row, start, 1, weights)))
  }
  if (from.height === to.height) return narrow
  const result = new Float32Array(to.height * to.width)
  weightsOf(from.height, to.height, filter()).forEach(({ start, weights }, y) => {
    for (let x = 0; x < to.width; x++) result[y * to.width + x] = sumOf(narrow, start * to.width + x, to.width, weights)
  })
  return result
}
