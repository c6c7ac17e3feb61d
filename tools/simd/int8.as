/*
 * AssemblyScript. The rounding of packages/onnx/src/int8/forms.ts and the sums of matrix.ts in WebAssembly SIMD.
 *
 * A matrix comes in rows of `width` values, a multiple of 16: float32, or int8 where `isInt8`. Either is multiplied by
 * the row's scale, int8 by that of each `size` columns (a multiple of 8) too. `line` has room for a row of float32. Columns are
 * multiplied by what lies at `by`, or `factors`, where that is not 0.
 */

// @ts-ignore: decorator
@inline
function across(lanes: v128): f32 {
  return max(
    max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  )
}

/** The float32 values of a row, times those of `by`; where they lie. */
function widened(row: usize, isInt8: bool, groups: usize, size: i32, by: usize, width: i32, line: usize): usize {
  const end = row + ((<usize>width) << (isInt8 ? 0 : 2))
  if (!by && !isInt8) return row
  let to = line
  if (isInt8)
    while (row < end) {
      const scale = f32x4.splat(load<f32>(groups))
      for (const stop = row + <usize>size; row < stop; row += 8) {
        const words = v128.load_ext<i8>(row)
        let low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words))
        let high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words))
        if (by) {
          low = f32x4.mul(low, v128.load(by))
          high = f32x4.mul(high, v128.load(by, 16))
          by += 32
        }
        v128.store(to, f32x4.mul(low, scale))
        v128.store(to, f32x4.mul(high, scale), 16)
        to += 32
      }
      groups += 4
    }
  else
    for (; row < end; row += 16) {
      v128.store(to, f32x4.mul(v128.load(row), v128.load(by)))
      to += 16
      by += 16
    }
  return line
}

// @ts-ignore: decorator
@inline
function turnedFour(x: v128): v128 {
  const other = v128.shuffle<f32>(x, x, 1, 0, 3, 2)
  const less = f32x4.sub(x, other)
  return f32x4.add(f32x4.add(x, other), v128.shuffle<f32>(less, less, 2, 3, 0, 1))
}

/** Four vectors, `stride` bytes apart, as hadamard.ts turns four values. */
// @ts-ignore: decorator
@inline
function turnAcross(at: usize, stride: usize, a: v128, b: v128, c: v128, d: v128): void {
  const sum = f32x4.add(a, b), other = f32x4.add(c, d), less = f32x4.sub(a, b), otherLess = f32x4.sub(c, d)
  v128.store(at, f32x4.add(sum, otherLess))
  v128.store(at + stride, f32x4.sub(sum, otherLess))
  v128.store(at + 2 * stride, f32x4.add(other, less))
  v128.store(at + 3 * stride, f32x4.sub(other, less))
}

/** 16 values as hadamard.ts turns so many. */
// @ts-ignore: decorator
@inline
function turnSixteen(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  turnAcross(at, 16, turnedFour(a), turnedFour(b), turnedFour(c), turnedFour(d))
}

/** Int8 of a row, times the scales of its groups, each 16 turned. */
function turnedBytes(row: usize, groups: usize, size: i32, width: i32, line: usize): void {
  for (const end = row + <usize>width; row < end; groups += 4) {
    const scale = f32x4.splat(load<f32>(groups))
    for (const stop = row + <usize>size; row < stop; row += 16) {
      const words = v128.load_ext<i8>(row), others = v128.load_ext<i8>(row, 8)
      turnSixteen(line,
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), scale),
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), scale),
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(others)), scale),
        f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(others)), scale))
      line += 64
    }
  }
}

/** Each 16 values of a row turned; where they lie. */
function turned(line: usize, width: i32): void {
  const end = line + ((<usize>width) << 2)
  for (let at = line; at < end; at += 64)
    turnSixteen(at, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48))
}

/** What was turned 16 at once, 32 or 64 at once; where it lies. */
function turnedOn(line: usize, width: i32, turn: i32): void {
  const end = line + ((<usize>width) << 2)
  if (turn == 64)
    for (let first = line; first < end; first += 256)
      for (let at = first; at < first + 64; at += 16)
        turnAcross(at, 64, v128.load(at), v128.load(at, 64), v128.load(at, 128), v128.load(at, 192))
  else if (turn == 32)
    for (let first = line; first < end; first += 128)
      for (let at = first; at < first + 64; at += 16) {
        const a = v128.load(at), b = v128.load(at, 64)
        v128.store(at, f32x4.add(a, b))
        v128.store(at, f32x4.sub(a, b), 64)
      }
}

/** Of `count` values, lane by lane. */
// @ts-ignore: decorator
@inline
function largestLanes(values: usize, count: i32): v128 {
  let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0)
  for (const end = values + ((<usize>count) << 2); values < end; values += 64) {
    a = f32x4.pmax(a, f32x4.abs(v128.load(values)))
    b = f32x4.pmax(b, f32x4.abs(v128.load(values, 16)))
    c = f32x4.pmax(c, f32x4.abs(v128.load(values, 32)))
    d = f32x4.pmax(d, f32x4.abs(v128.load(values, 48)))
  }
  return f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d))
}

/** What the largest value becomes 127 by, where it is `largest * scale`. */
// @ts-ignore: decorator
@inline
function scaleOf(largest: f32, scale: f32): f32 {
  const made = <f32>(<f64>largest * <f64>scale / 127.0)
  return made == 0 ? 1 : made
}

/** Four values times `step`, to the nearest whole number, plus 128: a float32 of 3 * 2^22 has no room for parts. */
// @ts-ignore: decorator
@inline
function nearest(values: v128, step: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(values, step), f32x4.splat(12583040)), i32x4.splat(0x4b400000))
}

/** 16 values times `step`, rounded: bytes of which 128 is 0. */
// @ts-ignore: decorator
@inline
function rounded(values: usize, step: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(nearest(v128.load(values), step), nearest(v128.load(values, 16), step)),
    i16x8.narrow_i32x4_s(nearest(v128.load(values, 32), step), nearest(v128.load(values, 48), step)),
  )
}

/**
 * Raises `largest` `[width]`, where that is not 0, to the rows' absolute values, and gives the products of the rows with `x`,
 * without their scales.
 */
export function measure(
  rows: usize, isInt8: bool, count: i32, width: i32, scales: usize, groups: usize, size: i32, ones: usize, line: usize,
  x: usize, largest: usize, products: usize,
): void {
  const stride = (<usize>width) << (isInt8 ? 0 : 2)
  const next = (<usize>(width / size)) << 2
  const end = (<usize>width) << 2
  for (let i = 0; i < count; i++) {
    const values = widened(rows, isInt8, groups, size, ones, width, line)
    const scale = f32x4.splat(load<f32>(scales))
    let sum = f64x2.splat(0)
    for (let at: usize = 0; at < end; at += 64) {
      const a = v128.load(values + at), b = v128.load(values + at, 16), c = v128.load(values + at, 32), d = v128.load(values + at, 48)
      if (largest) {
        const most = largest + at
        v128.store(most, f32x4.pmax(v128.load(most), f32x4.abs(f32x4.mul(a, scale))))
        v128.store(most, f32x4.pmax(v128.load(most, 16), f32x4.abs(f32x4.mul(b, scale))), 16)
        v128.store(most, f32x4.pmax(v128.load(most, 32), f32x4.abs(f32x4.mul(c, scale))), 32)
        v128.store(most, f32x4.pmax(v128.load(most, 48), f32x4.abs(f32x4.mul(d, scale))), 48)
      }
      const ofX = x + at
      const part = f32x4.add(
        f32x4.add(f32x4.add(f32x4.mul(a, v128.load(ofX)), f32x4.mul(b, v128.load(ofX, 16))), f32x4.mul(c, v128.load(ofX, 32))),
        f32x4.mul(d, v128.load(ofX, 48)))
      const rest = i8x16.shuffle(part, part, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)
      sum = f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(part), f64x2.promote_low_f32x4(rest)))
    }
    store<f64>(products, f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1))
    products += 8
    rows += stride
    groups += next
    scales += 4
  }
}

/** Rows of int8, times the scales of their groups alone, as float32 from `to` on. */
export function floats(rows: usize, count: i32, width: i32, groups: usize, size: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    widened(rows, true, groups, size, 0, width, to)
    rows += width
    groups += (<usize>(width / size)) << 2
    to += (<usize>width) << 2
  }
}

/** Int8 as bytes of which 128 is 0, where they lie; a multiple of 16. */
export function flip(bytes: usize, count: i32): void {
  const sign = i8x16.splat(-128)
  for (const end = bytes + <usize>count; bytes < end; bytes += 16) v128.store(bytes, v128.xor(v128.load(bytes), sign))
}

// @ts-ignore: decorator
@inline
function low(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}
// @ts-ignore: decorator
@inline
function high(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}
/** Rows of 16 bytes, `i` and `i + 8` of which go to `2 i` and `2 i + 1`, byte by byte: four times that swaps rows and columns. */
// @ts-ignore: decorator
@inline
function interleave(from: usize, stride: usize, to: usize, next: usize): void {
  for (let i = 0; i < 8; i++) {
    const a = v128.load(from)
    const b = v128.load(from + (stride << 3))
    v128.store(to, low(a, b))
    v128.store(to + next, high(a, b))
    from += stride
    to += next << 1
  }
}

/** What rounding leaves of a row times `step`; where it lies. */
function fractions(values: usize, width: i32, step: v128, line: usize): usize {
  for (let at: usize = 0, end = (<usize>width) << 2; at < end; at += 16) {
    const exact = f32x4.mul(v128.load(values + at), step)
    v128.store(line + at, f32x4.sub(exact, f32x4.nearest(exact)))
  }
  return line
}

/**
 * `count` rows, a multiple of 16, their columns times `factors`, as signed columns `[width, count]` that lie `outputs` bytes
 * apart, with a scale each and the sums of what they became. Int8 stays what it is where `isKept`; rows are turned where
 * `turn` is no 1. Where `isRest` the columns are what is left of those, with 254 steps to one of theirs. `square` is room for two
 * squares of 256 bytes, `bytes` for the rows.
 */
export function columns(
  rows: usize, isInt8: bool, count: i32, width: i32, scales: usize, groups: usize, size: i32, factors: usize, line: usize,
  isKept: bool, turn: i32, isRest: bool, bytes: usize, square: usize, outputs: i32, target: usize, made: usize, sums: usize,
): void {
  const stride = (<usize>width) << (isInt8 ? 0 : 2)
  const next = (<usize>(width / size)) << 2
  const sign = i8x16.splat(-128)
  for (let row = bytes, end = bytes + <usize>count * <usize>width; row < end; row += width) {
    let values = line
    if (isInt8 && !factors && turn > 1 && size % 16 == 0) turnedBytes(rows, groups, size, width, line)
    else {
      values = widened(rows, isInt8, groups, size, factors, width, line)
      if (turn > 1) turned(values, width)
    }
    if (turn > 16) turnedOn(values, width, turn)
    const scale = load<f32>(scales)
    let own = isKept ? scale : scaleOf(across(largestLanes(values, width)), scale)
    let step = f32x4.splat(isKept ? 1 : scale / own)
    if (isRest) {
      values = fractions(values, width, step, line)
      step = f32x4.splat(254)
      own /= 254
    }
    let sum = i32x4.splat(0)
    for (let at: usize = 0; at < <usize>width; at += 16) {
      const signed = v128.xor(rounded(values + (at << 2), step), sign)
      v128.store(row + at, signed)
      sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(signed)))
    }
    const pair = i64x2.add(i64x2.extend_low_i32x4_s(sum), i64x2.extend_high_i32x4_s(sum))
    const whole = i64x2.extract_lane(pair, 0) + i64x2.extract_lane(pair, 1)
    store<f32>(made, own)
    store<f32>(sums, <f32>(<f64>whole * <f64>own))
    rows += stride
    groups += next
    scales += 4
    made += 4
    sums += 4
  }
  // All rows of some columns at once, so that whole lines of the cache are written.
  const other = square + 256
  for (let at: usize = 0; at < <usize>width; at += 16) {
    for (let first: usize = 0; first < <usize>count; first += 16) {
      interleave(bytes + first * <usize>width + at, width, square, 16)
      interleave(square, 16, other, 16)
      interleave(other, 16, square, 16)
      interleave(square, 16, target + first, outputs)
    }
    target += (<usize>outputs) << 4
  }
}
