import type { RawImage } from '../../platform/platform'
import type { Pass } from './coefficients'
import { RESIZE_WASM } from './simd-module'

/*
 * The passes of `passes.ts` by the WebAssembly of tools/simd/resize.as, to the same bits.
 * The picture goes through its memory in chunks; what lies between the passes stays there.
 */

type Horizontal = (
  source: number,
  stride: number,
  rows: number,
  target: number,
  line: number,
  outputs: number,
  starts: number,
  quads: number,
  weights: number,
  perOutput: number,
  precision: number,
) => void
type Vertical = (
  source: number,
  line: number,
  target: number,
  outputs: number,
  starts: number,
  pairs: number,
  weights: number,
  perOutput: number,
  precision: number,
) => void

interface Module {
  readonly memory: WebAssembly.Memory
  readonly horizontal16: Horizontal
  readonly horizontal22: Horizontal
  readonly vertical16: Vertical
  readonly vertical22: Vertical
}

let module: Module | null | undefined

/** Undefined where WebAssembly or its SIMD is missing, or forbidden by a content security policy. */
function simd(): Module | undefined {
  if (module === undefined) {
    try {
      const bytes = Uint8Array.from(atob(RESIZE_WASM), (char) => char.charCodeAt(0))
      const imports = { env: { abort: () => undefined } }
      module = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as Module
    } catch {
      module = null
    }
  }
  return module ?? undefined
}

const PAGE = 65536
/** Bytes of the picture in memory at a time: about a second-level cache. */
const CHUNK = 1 << 20
/** WebAssembly memory never shrinks: beyond this the plain passes are taken. */
const MAX_MEMORY = 1 << 26

const align = (bytes: number): number => (bytes + 15) & ~15

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
  const line = align(width)
  const rows = endRow - firstRow
  const chunkRows = Math.max(1, Math.min(rows, Math.floor(CHUNK / stride)))
  const outputs = vertical?.starts.length ?? rows

  let top = PAGE
  const reserve = (bytes: number): number => {
    const at = top
    top += align(bytes) + 16
    return at
  }
  const reservePass = (pass: Pass, group: number): Placed => {
    const perOutput = Math.ceil(pass.taps / group) * group * (pass.precision > 16 ? 4 : 2)
    const count = pass.starts.length
    return { starts: reserve(count * 4), groups: reserve(count * 4), weights: reserve(count * perOutput), perOutput }
  }
  const across = horizontal && reservePass(horizontal, 4)
  const down = vertical && reservePass(vertical, 2)
  const source = reserve(horizontal ? chunkRows * stride : 0)
  const between = reserve((rows + 1) * line)
  const target = reserve(down ? outputs * line : 0)
  if (top > MAX_MEMORY) return undefined
  const missing = top - wasm.memory.buffer.byteLength
  if (missing > 0) wasm.memory.grow(Math.ceil(missing / PAGE))
  const memory = new Uint8Array(wasm.memory.buffer)

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
