/*
 * AssemblyScript. The factors of packages/core/src/ops/dropout.ts in WebAssembly SIMD, to the same bits: `scramble` of
 * packages/core/src/base/random.ts, four values at a time.
 */

const STEP: i32 = 0x9e3779b9

/** `count` factors, or up to three more: `kept` where a value from `first` on, scrambled, is no less than `limit`. */
export function factors(out: usize, count: i32, first: i32, limit: i32, kept: f32): void {
  const end = out + ((<usize>count) << 2)
  const limits = i32x4.splat(limit)
  const factor = f32x4.splat(kept)
  let values = i32x4.add(i32x4.splat(first), i32x4.mul(i32x4.splat(STEP), i32x4(0, 1, 2, 3)))
  for (; out < end; out += 16) {
    let z = i32x4.mul(v128.xor(values, i32x4.shr_u(values, 16)), i32x4.splat(0x21f0aaad))
    z = i32x4.mul(v128.xor(z, i32x4.shr_u(z, 15)), i32x4.splat(0x735a2d97))
    z = v128.xor(z, i32x4.shr_u(z, 15))
    v128.store(out, v128.and(i32x4.ge_u(z, limits), factor))
    values = i32x4.add(values, i32x4.splat(4 * STEP))
  }
}
