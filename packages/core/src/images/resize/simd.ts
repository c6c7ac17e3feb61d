import type { RawImage } from '../raw-image'
import { align, Reservations } from '../../platform/wasm'
import type { Pass } from './coefficients'
import { simd } from './simd-memory'

/*
 * The passes of `passes.ts` by the WebAssembly of tools/simd/resize.as, to the same bits.
 * The picture goes through its memory in chunks; what lies between the passes stays there.
 */

/** Bytes of the picture in memory at a time: about a second-level cache. */
const CHUNK = 1 << 20

/** Where the module finds a pass: starts, pairs of taps, weights; bytes of weights for each output; precision. */
type WrittenPass = [starts: number, pairs: number, weights: number, perOutput: number, precision: number]

/** A pass as the module reads it: starts and counts (of pairs of taps) as i32, then weights. */
interface Packed {
  readonly size: number
  writeTo(memory: Uint8Array, at: number): WrittenPass
}

/**
 * Rows `[firstRow, endRow)` and columns from `x0` of a picture, through one pass or both.
 * @returns undefined where it cannot be done here
 */
export function simdPasses(
  image: RawImage,
  x0: number,
  columns: number,
  firstRow: number,
  endRow: number,
  horizontal: Pass | undefined,
  vertical: Pass | undefined,
): Uint8Array | undefined {
  const wasm = simd()
  if (!wasm) return undefined
  const stride = image.width * 3
  const width = columns * 3
  // Each pixel is stored with a byte too many.
  const line = align(width + 1)
  const rows = endRow - firstRow
  const chunkRows = Math.max(1, Math.min(rows, Math.floor(CHUNK / stride)))
  const outputs = vertical?.starts.length ?? rows

  const [across, down] = [horizontal && packed(horizontal), vertical && packed(vertical)]
  const reserved = new Reservations()
  const acrossAt = reserved.reserve(across?.size ?? 0)
  const downAt = reserved.reserve(down?.size ?? 0)
  const source = reserved.reserve(horizontal ? chunkRows * stride : 0)
  const between = reserved.reserve((rows + 1) * line)
  const target = reserved.reserve(down ? outputs * line : 0)
  const memory = reserved.memory(wasm)
  if (!memory) return undefined

  if (horizontal && across) {
    const run = horizontal.precision > 16 ? wasm.horizontal22 : wasm.horizontal16
    const weights = across.writeTo(memory, acrossAt)
    for (let y = 0; y < rows; y += chunkRows) {
      const count = Math.min(chunkRows, rows - y)
      memory.set(image.data.subarray((firstRow + y) * stride, (firstRow + y + count) * stride), source)
      run(source, stride, count, between + y * line, line, columns, ...weights)
    }
  } else {
    for (let y = 0; y < rows; y++) {
      const from = (firstRow + y) * stride + x0 * 3
      memory.set(image.data.subarray(from, from + width), between + y * line)
    }
  }
  if (vertical && down) {
    const run = vertical.precision > 16 ? wasm.vertical22 : wasm.vertical16
    // Starts count from the picture's first row.
    run(between - firstRow * line, line, target, outputs, ...down.writeTo(memory, downAt))
  }

  const result = new Uint8Array(outputs * width)
  const from = down ? target : between
  for (let y = 0; y < outputs; y++) result.set(memory.subarray(from + y * line, from + y * line + width), y * width)
  return result
}

const known = new WeakMap<Pass, Packed>()

function packed(pass: Pass): Packed {
  const packed = known.get(pass) ?? pack(pass)
  known.set(pass, packed)
  return packed
}

/** Taps in pairs, the last one filled up with a zero; weights of 22 bits in two parts. */
function pack({ taps, starts, counts, weights, precision }: Pass): Packed {
  const outputs = starts.length
  const isWide = precision > 16
  const perOutput = Math.ceil(taps / 2) * (isWide ? 8 : 4)
  const bytes = new Uint8Array(outputs * (8 + perOutput))
  const ints = new Int32Array(bytes.buffer)
  const words = new Int16Array(bytes.buffer)
  ints.set(starts)
  for (let output = 0; output < outputs; output++) {
    const pairs = Math.ceil(counts[output]! / 2)
    ints[outputs + output] = pairs
    const base = (outputs * 8 + output * perOutput) >> 1
    for (let k = 0; k < 2 * pairs; k++) {
      const weight = k < counts[output]! ? weights[output * taps + k]! : 0
      const to = base + (k >> 1) * (isWide ? 4 : 2) + (k & 1)
      words[to] = isWide ? weight >> 12 : weight
      if (isWide) words[to + 2] = weight & 4095
    }
  }
  return {
    size: bytes.length,
    writeTo(memory, at) {
      memory.set(bytes, at)
      return [at, at + 4 * outputs, at + 8 * outputs, perOutput, precision]
    },
  }
}
