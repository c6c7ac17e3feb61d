import type { Component } from './frame'

// Cosines of Loeffler, Ligtenberg and Moschytz's transform in 13-bit fixed point, as libjpeg's "islow" has them.
const C0_298 = 2446
const C0_390 = 3196
const C0_541 = 4433
const C0_765 = 6270
const C0_899 = 7373
const C1_175 = 9633
const C1_501 = 12299
const C1_847 = 15137
const C1_961 = 16069
const C2_053 = 16819
const C2_562 = 20995
const C3_072 = 25172

/** Eight values at `at`, `at + step`, ..., in place, scaled down by `shift` bits. */
function transform(values: Int32Array, at: number, step: number, shift: number): void {
  const half = 1 << (shift - 1)
  const value = (i: number) => values[at + i * step]!

  const sum26 = Math.imul(value(2) + value(6), C0_541)
  const even2 = sum26 - Math.imul(value(6), C1_847)
  const even3 = sum26 + Math.imul(value(2), C0_765)
  const even0 = (value(0) + value(4)) << 13
  const even1 = (value(0) - value(4)) << 13
  const a = even0 + even3
  const b = even1 + even2
  const c = even1 - even2
  const d = even0 - even3

  const s17 = Math.imul(value(7) + value(1), -C0_899)
  const s35 = Math.imul(value(5) + value(3), -C2_562)
  const both = Math.imul(value(7) + value(3) + value(5) + value(1), C1_175)
  const s37 = Math.imul(value(7) + value(3), -C1_961) + both
  const s15 = Math.imul(value(5) + value(1), -C0_390) + both
  const odd0 = Math.imul(value(7), C0_298) + s17 + s37
  const odd1 = Math.imul(value(5), C2_053) + s35 + s15
  const odd2 = Math.imul(value(3), C3_072) + s35 + s37
  const odd3 = Math.imul(value(1), C1_501) + s17 + s15

  values[at] = (a + odd3 + half) >> shift
  values[at + 7 * step] = (a - odd3 + half) >> shift
  values[at + step] = (b + odd2 + half) >> shift
  values[at + 6 * step] = (b - odd2 + half) >> shift
  values[at + 2 * step] = (c + odd1 + half) >> shift
  values[at + 5 * step] = (c - odd1 + half) >> shift
  values[at + 3 * step] = (d + odd0 + half) >> shift
  values[at + 4 * step] = (d - odd0 + half) >> shift
}

/** Samples of a component: `[blocksDown * 8, blocksAcross * 8]`. As libjpeg's `jpeg_idct_islow`. */
export function samplesOf(component: Component, quantizer: Uint16Array): Uint8Array {
  const { blocksAcross, blocksDown, coefficients } = component
  const line = blocksAcross * 8
  const samples = new Uint8Array(line * blocksDown * 8)
  const block = new Int32Array(64)
  for (let row = 0, from = 0; row < blocksDown; row++)
    for (let column = 0; column < blocksAcross; column++, from += 64) {
      for (let i = 0; i < 64; i++) block[i] = coefficients[from + i]! * quantizer[i]!
      for (let x = 0; x < 8; x++) transform(block, x, 8, 11)
      for (let y = 0; y < 8; y++) transform(block, y * 8, 1, 18)
      const to = row * 8 * line + column * 8
      for (let i = 0; i < 64; i++) {
        const value = block[i]! + 128
        samples[to + (i >> 3) * line + (i & 7)] = value < 0 ? 0 : value > 255 ? 255 : value
      }
    }
  return samples
}
