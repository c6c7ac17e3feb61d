import type { Kernel } from './filters'

/**
 * Fixed-point weights of one pass along one axis.
 * Output `i` is `clamp((2^(precision-1) + sum_k input[starts[i] + k] * weights[i * taps + k]) >> precision)`.
 */
export interface Pass {
  readonly precision: number
  /** Weights kept per output; rows shorter than this end in zeros. */
  readonly taps: number
  readonly starts: Int32Array
  readonly counts: Int32Array
  readonly weights: Int32Array
}

/** How the two Python libraries round their weights: Pillow to 22 bits, torchvision to what fits an int16. */
export type Rounding = 'pil' | 'torchvision'

const PILLOW_PRECISION = 22

/** torch's `_compute_index_ranges_int16_weights`: as many bits as keep the largest weight an int16. */
function int16Precision(largest: number): number {
  let precision = 0
  while (precision < 22 && Math.trunc(0.5 + largest * 2 ** (precision + 1)) < 1 << 15) precision++
  return precision
}

/**
 * The weights that take `inSize` pixels to `outSize`, for the outputs `[from, to)` only.
 * The window has no influence on the values: torchvision's precision is that of the whole pass.
 * As Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`.
 */
export function passWeights(
  inSize: number,
  outSize: number,
  kernel: Kernel,
  rounding: Rounding,
  from = 0,
  to = outSize,
): Pass {
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = kernel.support * stretch
  const step = 1 / stretch
  const taps = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(to - from)
  const counts = new Int32Array(to - from)
  const exact = new Float64Array((to - from) * taps)
  const row = new Float64Array(taps)
  let largest = 0

  for (let i = rounding === 'pil' ? from : 0; i < (rounding === 'pil' ? to : outSize); i++) {
    const center = (i + 0.5) * scale
    const start = Math.max(Math.trunc(center - support + 0.5), 0)
    const count = Math.min(Math.trunc(center + support + 0.5), inSize) - start
    let total = 0
    for (let k = 0; k < count; k++) {
      const weight = kernel.at((k + start - center + 0.5) * step)
      row[k] = weight
      total += weight
    }
    const inWindow = i >= from && i < to
    for (let k = 0; k < count; k++) {
      const weight = total !== 0 ? row[k]! / total : row[k]!
      if (weight > largest) largest = weight
      if (inWindow) exact[(i - from) * taps + k] = weight
    }
    if (inWindow) {
      starts[i - from] = start
      counts[i - from] = count
    }
  }

  const precision = rounding === 'pil' ? PILLOW_PRECISION : int16Precision(largest)
  const one = 2 ** precision
  const weights = Int32Array.from(exact, (weight) => Math.trunc(weight * one + (weight < 0 ? -0.5 : 0.5)))
  return { precision, taps, starts, counts, weights }
}
