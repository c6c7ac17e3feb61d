import { instantiatedOnce, Reservations } from '@dual-encoder/core/backend'
import type { Matrix } from './stored-matrix'
import { INT8_WASM } from './simd-module'

/*
 * The sums of matrix.ts and the rounding of forms.ts by the WebAssembly of tools/simd/int8.as: by the plain versions, two
 * encoders of 86 million parameters would take two seconds. Undefined where it cannot be done here.
 */

/**
 * Where rows are, whether they are int8, how many, how long, their scales, those of groups of so many columns, what multiplies
 * columns (0: nothing), and room for one.
 */
type Rows = [
  rows: number,
  isInt8: number,
  count: number,
  width: number,
  scales: number,
  ofGroups: number,
  size: number,
  by: number,
  line: number,
]

interface Int8Module {
  readonly memory: WebAssembly.Memory
  readonly measure: (...args: [...Rows, x: number, largest: number, products: number]) => void
  readonly floats: (rows: number, count: number, width: number, groups: number, size: number, to: number) => void
  readonly flip: (bytes: number, count: number) => void
  readonly columns: (
    ...args: [
      ...Rows,
      isKept: number,
      turn: number,
      isRest: number,
      bytes: number,
      square: number,
      outputs: number,
      target: number,
      made: number,
      sums: number,
    ]
  ) => void
}

const simd = /* @__PURE__ */ instantiatedOnce<Int8Module>(INT8_WASM)

/** Values of a vector of bytes. */
const LANES = 16
/** Columns of a group are multiplied so many at once. */
const HALF = 8
/** Rows in memory at a time, a multiple of `LANES`: of a tower's matrices, what a second-level cache holds. */
const ROWS = 64

/** The module's memory while it has a matrix. */
interface Room {
  readonly wasm: Int8Module
  /** Where the parts lie that were asked for. */
  readonly at: readonly number[]
  floats(at: number, count: number): Float32Array
  bytes(at: number, count: number): Uint8Array
  /** Every row once. */
  each(run: (rows: Rows, first: number, count: number) => void): void
}

/** @param sizes of other parts of its memory, in bytes */
function roomFor(matrix: Matrix, by: Float32Array | undefined, sizes: readonly number[]): Room | undefined {
  const { values, scales, outputs, inputs } = matrix
  const groups = scales.length / outputs
  const size = inputs / groups
  const wasm = inputs % LANES === 0 && size % HALF === 0 ? simd() : undefined
  if (!wasm) return undefined
  const room = new Reservations()
  const rowBytes = inputs * values.BYTES_PER_ELEMENT
  const sizesOf = [ROWS * rowBytes, ROWS * 4, ROWS * groups * 4, inputs * 4, inputs * 4]
  const [rows, ofRows, ofGroups, columns, line] = sizesOf.map((size) => room.reserve(size)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const at = sizes.map((size) => room.reserve(size))
  const memory = room.memory(wasm)
  if (!memory) return undefined
  const floats = (at: number, count: number) => new Float32Array(memory.buffer, at, count)
  const all = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const isInt8 = Number(!(values instanceof Float32Array))
  if (by) floats(columns, inputs).set(by)
  return {
    wasm,
    at,
    floats,
    bytes: (at, count) => memory.subarray(at, at + count),
    each(run) {
      for (let first = 0; first < outputs; first += ROWS) {
        const count = Math.min(ROWS, outputs - first)
        memory.set(all.subarray(first * rowBytes, (first + count) * rowBytes), rows)
        if (values instanceof Uint8Array) wasm.flip(rows, count * inputs)
        const given = scales.subarray(first * groups, (first + count) * groups)
        floats(ofRows, count).fill(1)
        floats(ofGroups, given.length).fill(1)
        floats(groups === 1 ? ofRows : ofGroups, given.length).set(given)
        run([rows, isInt8, count, inputs, ofRows, ofGroups, size, by ? columns : 0, line], first, count)
      }
    },
  }
}

/** Raises `largest` `[in]`, where it is given, to the largest value of each column, and gives the products `[out]` with `x` `[in]`. */
export function simdMeasure(matrix: Matrix, x: Float32Array, largest?: Float32Array): Float64Array | undefined {
  const { scales, outputs, inputs } = matrix
  const isGrouped = scales.length > outputs
  const room = roomFor(matrix, undefined, [inputs * 4, inputs * 4, ROWS * 8])
  if (!room) return undefined
  const [xAt, largestAt, sumsAt] = room.at as [number, number, number]
  room.floats(xAt, inputs).set(x)
  if (largest) room.floats(largestAt, inputs).set(largest)
  const products = new Float64Array(outputs)
  room.each((rows, first, count) => {
    room.wasm.measure(...rows, xAt, largest ? largestAt : 0, sumsAt)
    const sums = room.bytes(sumsAt, count * 8)
    products.set(new Float64Array(sums.buffer, sums.byteOffset, count), first)
  })
  largest?.set(room.floats(largestAt, inputs))
  return isGrouped ? products : products.map((sum, row) => sum * (scales[row] as number))
}

/** Makes int8 in the module's memory bytes of which 128 is 0; false of what lies elsewhere. */
export function simdFlipped({ buffer, byteOffset, length }: Uint8Array): boolean {
  const wasm = length % LANES === 0 ? simd() : undefined
  if (wasm?.memory.buffer !== buffer) return false
  wasm.flip(byteOffset, length)
  return true
}

/** float32 of int8, a few rows at a time: the module's memory never shrinks, and tables of words are large. */
export function simdFloats(matrix: Matrix): Float32Array | undefined {
  const { outputs, inputs, scales } = matrix
  const room = roomFor(matrix, undefined, [ROWS * inputs * 4])
  if (!room) return undefined
  const at = room.at[0] as number
  const values = new Float32Array(outputs * inputs)
  room.each(([rows, , count, width, ofRows, ofGroups, size], first) => {
    room.wasm.floats(rows, count, width, scales.length === outputs ? ofRows : ofGroups, size, at)
    values.set(room.floats(at, count * inputs), first * inputs)
  })
  return values
}

export interface ColumnsOptions {
  /** Whether a file's int8 stays what it is. */
  readonly isKept: boolean
  readonly factors?: Float32Array
  /** How many columns are turned together (hadamard.ts), once they were multiplied. */
  readonly turn: number
  /** How many columns make up for the zero of a row of activations (`zeroColumns`). */
  readonly zeros: number
  /** Of the weight: what `whole` leaves of it is the `rest`, with 254 steps to one of those. */
  readonly part: 'whole' | 'rest'
}

/** A weight's values as columns `[in, out]`, the scales of its rows, and their sums. */
export interface Columns {
  readonly transposed: Int8Array
  readonly made: Float32Array
  readonly sums: Float32Array
}

/**
 * Values `[in, out]` with room for `zeros` columns more, scales and sums as `rowsOf` has them: views of the module's memory,
 * good until it is used again, since two encoders as arrays of their own would have the collector run ten times.
 */
export function simdColumns(
  matrix: Matrix,
  { isKept, factors, turn, zeros, part }: ColumnsOptions,
): Columns | undefined {
  const { outputs, inputs } = matrix
  const sizes = [(inputs + zeros) * outputs, outputs * 4, outputs * 4, ROWS * inputs, 512]
  const room = outputs % LANES === 0 ? roomFor(matrix, factors, sizes) : undefined
  if (!room) return undefined
  const [target, madeAt, sumsAt, bytes, square] = room.at as [number, number, number, number, number]
  room.each((rows, first) => {
    const [made, sums] = [madeAt + first * 4, sumsAt + first * 4]
    room.wasm.columns(
      ...rows,
      Number(isKept),
      turn,
      Number(part === 'rest'),
      bytes,
      square,
      outputs,
      target + first,
      made,
      sums,
    )
  })
  const { buffer, byteOffset, length } = room.bytes(target, (inputs + zeros) * outputs)
  return {
    transposed: new Int8Array(buffer, byteOffset, length),
    made: room.floats(madeAt, outputs),
    sums: room.floats(sumsAt, outputs),
  }
}
