/*
 * AssemblyScript. Dot products of packages/core/src/retrieval/vectors.ts in WebAssembly SIMD.
 *
 * Each is summed in four lanes, from the first value on, and the lanes in the same order: equal rows have equal products
 * wherever they stand.
 */

// @ts-ignore: decorator
@inline
function across(sum: v128): f32 {
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
}

/** A vector of `stride` bytes, a multiple of 16, times each of `count` such rows; four at a time. */
export function dots(vector: usize, rows: usize, stride: usize, count: i32, out: usize): void {
  let i = 0
  for (; i + 4 <= count; i += 4) {
    const next = rows + stride
    const third = next + stride
    const fourth = third + stride
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    for (let at: usize = 0; at < stride; at += 16) {
      const values = v128.load(vector + at)
      a = f32x4.add(a, f32x4.mul(values, v128.load(rows + at)))
      b = f32x4.add(b, f32x4.mul(values, v128.load(next + at)))
      c = f32x4.add(c, f32x4.mul(values, v128.load(third + at)))
      d = f32x4.add(d, f32x4.mul(values, v128.load(fourth + at)))
    }
    store<f32>(out, across(a))
    store<f32>(out + 4, across(b))
    store<f32>(out + 8, across(c))
    store<f32>(out + 12, across(d))
    rows = fourth + stride
    out += 16
  }
  for (; i < count; i++) {
    let sum = f32x4.splat(0)
    for (let at: usize = 0; at < stride; at += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(vector + at), v128.load(rows + at)))
    store<f32>(out, across(sum))
    rows += stride
    out += 4
  }
}
