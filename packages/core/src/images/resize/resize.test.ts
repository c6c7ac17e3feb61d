import { describe, expect, it } from 'vitest'

import type { RawImage } from '../raw-image'
import { passWeights, type Rounding } from './coefficients'
import { KERNELS } from './filters'
import { plainPasses } from './passes'
import { resize } from './resize'
import { simdPasses } from './simd'

/** Bytes that use the whole range, from a small linear congruential generator. */
function noise(width: number, height: number, seed: number): RawImage {
  let state = seed
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
  return { data, width, height, channels: 3 }
}

const SHAPES = [
  [1, 1, 5, 7],
  [3, 2, 7, 1],
  [37, 53, 16, 24],
  [64, 48, 64, 11],
  [64, 48, 11, 48],
  [131, 97, 33, 200],
  [700, 3, 9, 9],
  [1500, 800, 31, 17],
] as const

describe('resize', () => {
  it.each(['pil', 'torchvision'] as Rounding[])(
    'is the same in WebAssembly SIMD and in plain TypeScript (%s)',
    (rounding) => {
      for (const kernel of Object.values(KERNELS))
        for (const [width, height, toWidth, toHeight] of SHAPES) {
          const image = noise(width, height, width)
          const across = width === toWidth ? undefined : passWeights(width, toWidth, kernel, rounding)
          const down = height === toHeight ? undefined : passWeights(height, toHeight, kernel, rounding)
          const part = [image, 0, toWidth, 0, height, across, down] as const
          expect(simdPasses(...part)).toEqual(plainPasses(...part))
        }
    },
  )

  it('computes a window as a part of the whole', () => {
    const image = noise(97, 61, 5)
    const algorithm = { backend: 'torchvision', pillow: 13 } as const
    const whole = resize(image, 40, 33, 'bicubic', algorithm)
    const part = resize(image, 40, 33, 'bicubic', algorithm, { x0: 7, y0: 4, x1: 30, y1: 29 })
    for (let y = 0; y < part.height; y++) {
      const from = ((y + 4) * 40 + 7) * 3
      expect(part.data.slice(y * 23 * 3, (y + 1) * 23 * 3)).toEqual(whole.data.slice(from, from + 23 * 3))
    }
  })

  it('leaves pictures that are too large for the module to the plain passes', () => {
    const outputs = 8_000_000
    const ints = new Int32Array(outputs)
    const pass = { precision: 8, taps: 1, starts: ints, counts: ints, weights: ints }
    expect(simdPasses(noise(2, 2, 1), 0, outputs, 0, 2, pass, undefined)).toBeUndefined()
  })
})
