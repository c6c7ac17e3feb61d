/*
 * AssemblyScript. The two passes of packages/core/src/images/resize/passes.ts in WebAssembly SIMD.
 *
 * Weights are 16-bit (torchvision) or 22-bit (Pillow) integers. `i32x4.dot_i16x8_s` multiplies pairs of 16-bit
 * numbers, so taps come in pairs, and a 22-bit weight is kept as `high * 4096 + low`, both of which fit.
 * Sums wrap at 32 bits like those of the plain version, so every value is the same.
 *
 * Memory: for every output its first input and its number of pairs of taps as i32, and its weights in `perOutput` bytes:
 * two i16 for each pair, of 22 bits [high, low], two each.
 */

/** Four taps of RGB, `[r g b r g b r g b r g b ....]`, as pairs of taps in 16 bits: r0 r1 g0 g1 b0 b1 0 0. */
// @ts-ignore: decorator
@inline
function firstPair(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1))
}
// @ts-ignore: decorator
@inline
function secondPair(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1))
}

/** Stores the low bytes of the 32-bit sums of two pixels, saturated; one byte too many each. */
// @ts-ignore: decorator
@inline
function storeTwo(upper: v128, lower: v128, target: usize, below: usize): void {
  const words = i16x8.narrow_i32x4_s(upper, lower)
  const bytes = i8x16.narrow_i16x8_u(words, words)
  v128.store32_lane(target, bytes, 0)
  v128.store32_lane(target + below, bytes, 1)
}

/**
 * Rows of `stride` bytes to rows of `line` bytes, more than `outputs * 3`; four rows at a time, where there are fewer
 * the last one again.
 */
export function horizontal16(
  source: usize, stride: i32, rows: i32, target: usize, line: i32, outputs: i32,
  starts: usize, pairs: usize, weights: usize, perOutput: i32, precision: i32,
): void {
  const half = i32x4.splat(1 << (precision - 1))
  for (let y = 0; y < rows; y += 4) {
    const last = rows - y - 1
    const r1 = <usize>min(1, last), r2 = <usize>min(2, last), r3 = <usize>min(3, last)
    const s1 = r1 * <usize>stride, s2 = r2 * <usize>stride, s3 = r3 * <usize>stride
    const t1 = r1 * <usize>line, t2 = r2 * <usize>line, t3 = r3 * <usize>line
    let w = weights
    let to = target
    for (let x = 0; x < outputs; x++) {
      let p = source + <usize>(load<i32>(starts + (<usize>x << 2)) * 3)
      const n = load<i32>(pairs + (<usize>x << 2))
      let k = w
      let a = half, b = half, c = half, d = half
      for (let i = 1; i < n; i += 2) {
        const first = v128.load32_splat(k)
        const second = v128.load32_splat(k, 4)
        const pa = v128.load(p)
        a = i32x4.add(a, i32x4.dot_i16x8_s(firstPair(pa), first))
        a = i32x4.add(a, i32x4.dot_i16x8_s(secondPair(pa), second))
        const pb = v128.load(p + s1)
        b = i32x4.add(b, i32x4.dot_i16x8_s(firstPair(pb), first))
        b = i32x4.add(b, i32x4.dot_i16x8_s(secondPair(pb), second))
        const pc = v128.load(p + s2)
        c = i32x4.add(c, i32x4.dot_i16x8_s(firstPair(pc), first))
        c = i32x4.add(c, i32x4.dot_i16x8_s(secondPair(pc), second))
        const pd = v128.load(p + s3)
        d = i32x4.add(d, i32x4.dot_i16x8_s(firstPair(pd), first))
        d = i32x4.add(d, i32x4.dot_i16x8_s(secondPair(pd), second))
        p += 12
        k += 8
      }
      if (n & 1) {
        const weight = v128.load32_splat(k)
        a = i32x4.add(a, i32x4.dot_i16x8_s(firstPair(v128.load(p)), weight))
        b = i32x4.add(b, i32x4.dot_i16x8_s(firstPair(v128.load(p + s1)), weight))
        c = i32x4.add(c, i32x4.dot_i16x8_s(firstPair(v128.load(p + s2)), weight))
        d = i32x4.add(d, i32x4.dot_i16x8_s(firstPair(v128.load(p + s3)), weight))
      }
      const upper = i16x8.narrow_i32x4_s(i32x4.shr_s(a, precision), i32x4.shr_s(b, precision))
      const lower = i16x8.narrow_i32x4_s(i32x4.shr_s(c, precision), i32x4.shr_s(d, precision))
      const bytes = i8x16.narrow_i16x8_u(upper, lower)
      v128.store32_lane(to, bytes, 0)
      v128.store32_lane(to + t1, bytes, 1)
      v128.store32_lane(to + t2, bytes, 2)
      v128.store32_lane(to + t3, bytes, 3)
      to += 3
      w += <usize>perOutput
    }
    source += <usize>stride << 2
    target += <usize>line << 2
  }
}

/** As `horizontal16`, of 22 bits and two rows at a time. */
export function horizontal22(
  source: usize, stride: i32, rows: i32, target: usize, line: i32, outputs: i32,
  starts: usize, pairs: usize, weights: usize, perOutput: i32, precision: i32,
): void {
  const half = i32x4.splat(1 << (precision - 1))
  for (let y = 0; y < rows; y += 2) {
    const isPair = y + 1 < rows
    const other = isPair ? <usize>stride : 0
    const below = isPair ? <usize>line : 0
    let w = weights
    let to = target
    for (let x = 0; x < outputs; x++) {
      let p = source + <usize>(load<i32>(starts + (<usize>x << 2)) * 3)
      const n = load<i32>(pairs + (<usize>x << 2))
      let k = w
      let highUpper = i32x4.splat(0), highLower = i32x4.splat(0)
      let lowUpper = half, lowLower = half
      for (let i = 1; i < n; i += 2) {
        const a = v128.load(p)
        const b = v128.load(p + other)
        const firstA = firstPair(a), firstB = firstPair(b)
        const secondA = secondPair(a), secondB = secondPair(b)
        const high01 = v128.load32_splat(k), low01 = v128.load32_splat(k, 4)
        const high23 = v128.load32_splat(k, 8), low23 = v128.load32_splat(k, 12)
        highUpper = i32x4.add(highUpper, i32x4.dot_i16x8_s(firstA, high01))
        highLower = i32x4.add(highLower, i32x4.dot_i16x8_s(firstB, high01))
        highUpper = i32x4.add(highUpper, i32x4.dot_i16x8_s(secondA, high23))
        highLower = i32x4.add(highLower, i32x4.dot_i16x8_s(secondB, high23))
        lowUpper = i32x4.add(lowUpper, i32x4.dot_i16x8_s(firstA, low01))
        lowLower = i32x4.add(lowLower, i32x4.dot_i16x8_s(firstB, low01))
        lowUpper = i32x4.add(lowUpper, i32x4.dot_i16x8_s(secondA, low23))
        lowLower = i32x4.add(lowLower, i32x4.dot_i16x8_s(secondB, low23))
        p += 12
        k += 16
      }
      if (n & 1) {
        const high = v128.load32_splat(k), low = v128.load32_splat(k, 4)
        const firstA = firstPair(v128.load(p)), firstB = firstPair(v128.load(p + other))
        highUpper = i32x4.add(highUpper, i32x4.dot_i16x8_s(firstA, high))
        highLower = i32x4.add(highLower, i32x4.dot_i16x8_s(firstB, high))
        lowUpper = i32x4.add(lowUpper, i32x4.dot_i16x8_s(firstA, low))
        lowLower = i32x4.add(lowLower, i32x4.dot_i16x8_s(firstB, low))
      }
      const upper = i32x4.shr_s(i32x4.add(i32x4.shl(highUpper, 12), lowUpper), precision)
      const lower = i32x4.shr_s(i32x4.add(i32x4.shl(highLower, 12), lowLower), precision)
      storeTwo(upper, lower, to, below)
      to += 3
      w += <usize>perOutput
    }
    source += <usize>stride << 1
    target += <usize>line << 1
  }
}

/** 16 bytes of two lines, as pairs in 16 bits: four vectors of eight. */
// @ts-ignore: decorator
@inline
function pairsLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}
// @ts-ignore: decorator
@inline
function pairsHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

/** `line` is a multiple of 16. */
export function vertical16(
  source: usize, line: i32, target: usize, outputs: i32,
  starts: usize, pairs: usize, weights: usize, perOutput: i32, precision: i32,
): void {
  const half = i32x4.splat(1 << (precision - 1))
  for (let y = 0; y < outputs; y++) {
    const first = source + <usize>(load<i32>(starts + (<usize>y << 2)) * line)
    const n = load<i32>(pairs + (<usize>y << 2))
    for (let x = 0; x < line; x += 16) {
      let p = first + <usize>x
      let k = weights
      let a = half, b = half, c = half, d = half
      for (let i = 0; i < n; i++) {
        const upper = v128.load(p)
        const lower = v128.load(p + <usize>line)
        const weight = v128.load32_splat(k)
        const left = pairsLow(upper, lower)
        const right = pairsHigh(upper, lower)
        a = i32x4.add(a, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(left), weight))
        b = i32x4.add(b, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(left), weight))
        c = i32x4.add(c, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(right), weight))
        d = i32x4.add(d, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(right), weight))
        p += <usize>(line << 1)
        k += 4
      }
      const left = i16x8.narrow_i32x4_s(i32x4.shr_s(a, precision), i32x4.shr_s(b, precision))
      const right = i16x8.narrow_i32x4_s(i32x4.shr_s(c, precision), i32x4.shr_s(d, precision))
      v128.store(target + <usize>x, i8x16.narrow_i16x8_u(left, right))
    }
    target += <usize>line
    weights += <usize>perOutput
  }
}

/** As `vertical16`, of 22 bits. */
export function vertical22(
  source: usize, line: i32, target: usize, outputs: i32,
  starts: usize, pairs: usize, weights: usize, perOutput: i32, precision: i32,
): void {
  const half = i32x4.splat(1 << (precision - 1))
  for (let y = 0; y < outputs; y++) {
    const first = source + <usize>(load<i32>(starts + (<usize>y << 2)) * line)
    const n = load<i32>(pairs + (<usize>y << 2))
    for (let x = 0; x < line; x += 8) {
      let p = first + <usize>x
      let k = weights
      let highLeft = i32x4.splat(0), highRight = i32x4.splat(0)
      let lowLeft = half, lowRight = half
      for (let i = 0; i < n; i++) {
        const rows = pairsLow(v128.load64_zero(p), v128.load64_zero(p + <usize>line))
        const left = i16x8.extend_low_i8x16_u(rows)
        const right = i16x8.extend_high_i8x16_u(rows)
        const high = v128.load32_splat(k)
        const low = v128.load32_splat(k, 4)
        highLeft = i32x4.add(highLeft, i32x4.dot_i16x8_s(left, high))
        highRight = i32x4.add(highRight, i32x4.dot_i16x8_s(right, high))
        lowLeft = i32x4.add(lowLeft, i32x4.dot_i16x8_s(left, low))
        lowRight = i32x4.add(lowRight, i32x4.dot_i16x8_s(right, low))
        p += <usize>(line << 1)
        k += 8
      }
      const left = i32x4.shr_s(i32x4.add(i32x4.shl(highLeft, 12), lowLeft), precision)
      const right = i32x4.shr_s(i32x4.add(i32x4.shl(highRight, 12), lowRight), precision)
      const words = i16x8.narrow_i32x4_s(left, right)
      v128.store64_lane(target + <usize>x, i8x16.narrow_i16x8_u(words, words), 0)
    }
    target += <usize>line
    weights += <usize>perOutput
  }
}

/** RGB bytes to three planes of floats: what each of 256 values becomes is in `tables`, channel by channel. */
export function planes(source: usize, pixels: i32, tables: usize, target: usize): void {
  const plane = <usize>pixels << 2
  const end = target + plane
  for (; target < end; target += 4) {
    store<f32>(target, load<f32>(tables + (<usize>load<u8>(source) << 2)))
    store<f32>(target + plane, load<f32>(tables + (<usize>load<u8>(source, 1) << 2), 1024))
    store<f32>(target + (plane << 1), load<f32>(tables + (<usize>load<u8>(source, 2) << 2), 2048))
    source += 3
  }
}
