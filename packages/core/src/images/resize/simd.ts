import type { RawImage } from '../../platform/platform'
import type { Pass } from './coefficients'
import { align, Places, simd } from './simd-memory'

/*
 * The passes of `passes.ts` by the WebAssembly of tools/simd/resize.as, to the same bits.
 * The picture goes through its memory in chunks; what lies between the passes stays there.
 */

/** Bytes of the picture in memory at a time: about a second-level cache. */
const CHUNK = 1 << 20

/** A pass in the module's memory: starts and counts (of groups of taps), then weights. */
interface Placed {
  readonly starts: number
  readonly groups: number
  readonly weights: number
  readonly perOutput: number
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

  const places = new Places()
  const reservePass = (pass: Pass, group: number): Placed => {
    const perOutput = Math.ceil(pass.taps / group) * group * (pass.precision > 16 ? 4 : 2)
    const count = pass.starts.length
    return {
      starts: places.reserve(count * 4),
      groups: places.reserve(count * 4),
      weights: places.reserve(count * perOutput),
      perOutput,
    }
  }
  const across = horizontal && reservePass(horizontal, 4)
  const down = vertical && reservePass(vertical, 2)
  const source = places.reserve(horizontal ? chunkRows * stride : 0)
  const between = places.reserve((rows + 1) * line)
  const target = places.reserve(down ? outputs * line : 0)
  const memory = places.memory(wasm)
  if (!memory) return undefined

  if (horizontal && across) {
    place(memory, horizontal, across, 4, 0)
    const run = horizontal.precision > 16 ? wasm.horizontal22 : wasm.horizontal16
    for (let y = 0; y < rows; y += chunkRows) {
      const count = Math.min(chunkRows, rows - y)
      memory.set(image.data.subarray((firstRow + y) * stride, (firstRow + y + count) * stride), source)
      const { starts, groups, weights, perOutput } = across
      const to = between + y * line
      run(source, stride, count, to, line, columns, starts, groups, weights, perOutput, horizontal.precision)
    }
  } else {
    for (let y = 0; y < rows; y++) {
      const from = (firstRow + y) * stride + x0 * 3
      memory.set(image.data.subarray(from, from + width), between + y * line)
    }
  }
  if (vertical && down) {
    place(memory, vertical, down, 2, firstRow)
    const run = vertical.precision > 16 ? wasm.vertical22 : wasm.vertical16
    run(between, line, target, outputs, down.starts, down.groups, down.weights, down.perOutput, vertical.precision)
  }

  const result = new Uint8Array(outputs * width)
  const from = down ? target : between
  for (let y = 0; y < outputs; y++) result.set(memory.subarray(from + y * line, from + y * line + width), y * width)
  return result
}

/** Writes a pass with its taps in groups of `group`, the last one filled up with zeros. */
function place(memory: Uint8Array, pass: Pass, at: Placed, group: number, offset: number): void {
  const { taps, starts, counts, weights, precision } = pass
  const ints = new Int32Array(memory.buffer)
  const words = new Int16Array(memory.buffer)
  const wide = precision > 16
  const split = group * (wide ? 2 : 1)
  for (let output = 0; output < starts.length; output++) {
    const groups = Math.ceil(counts[output]! / group)
    ints[(at.starts >> 2) + output] = starts[output]! - offset
    ints[(at.groups >> 2) + output] = groups
    const base = (at.weights + output * at.perOutput) >> 1
    for (let k = 0; k < groups * group; k++) {
      const weight = k < counts[output]! ? weights[output * taps + k]! : 0
      const to = base + Math.floor(k / group) * split + (k % group)
      words[to] = wide ? weight >> 12 : weight
      if (wide) words[to + group] = weight & 4095
    }
  }
}
