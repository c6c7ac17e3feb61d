import type { Tensor } from '@dual-encoder/core'
import { tensor } from '@dual-encoder/core/backend'
import { turned } from './hadamard'
import { type Columns, type ColumnsOptions, simdColumns } from './simd'
import { type Matrix, ungrouped } from './stored-matrix'

/** The byte that stands for 0 in a weight, and in a turned row of activations. */
export const ZERO = 128
/** What the largest value of a row becomes. */
const LARGEST = 127
/** Steps of the rest of a value in one of the whole: half of that, which it is at most, becomes `LARGEST`. */
const REST_STEPS = 2 * LARGEST
/** Rows that are turned into columns at once, so that what is written lies together. */
const TILE = 64

/** float32, so that a file's scales and those that are made here are of one kind; never 0. */
const scaleOf = (largest: number): number => Math.fround(largest / LARGEST) || 1

/** What values are multiplied by; a file may hold scales of 0. */
const stepOf = (scale: number, made: number): number => (made === 0 ? 1 : scale / made)

type Values = Int8Array | Float32Array

/** The nearest whole number: of values above -`ZERO`, what `| 0` cuts off is what rounding down would. */
const nearest = (value: number): number => ((value + (ZERO + 0.5)) | 0) - ZERO

/** Of `count` values from a place on, times the factors of their columns. */
function largestIn(values: Values, from: number, by: Float32Array, column: number, count: number): number {
  let largest = 0
  for (let i = 0; i < count; i++) {
    const size = Math.abs((values[from + i] as number) * (by[column + i] as number))
    if (size > largest) largest = size
  }
  return largest
}

/** Each column times its factor. */
const multiplied = (values: Values, factors: Float32Array): Float32Array =>
  Float32Array.from(values, (value, i) => value * (factors[i % factors.length] as number))

export type RowsMade = readonly [values: Tensor, scales: Tensor<'float32'>, sums: Tensor<'float32'>]

/** Columns of a weight are so many for each that takes off what a row's zero adds. */
const COLUMNS_EACH = 12
/** The engine multiplies so many columns at once. */
const COLUMNS_AT_ONCE = 64

/**
 * How many columns, all of them a row's zero, come behind `inputs` others: the weight's are int8 too, and add up to the
 * opposite of all others.
 */
export const zeroColumns = (inputs: number): number =>
  Math.ceil(inputs / COLUMNS_EACH / COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE

type RowsOptions = Partial<Omit<ColumnsOptions, 'isKept'>>

/**
 * Values `[in, out]`, scales `[out]`, and the sums `[out]` of the rows of a weight. What a file holds as int8 stays what
 * it is where nothing multiplies its columns. Good until the next matrix.
 */
export function rowsOf(matrix: Matrix, { factors, turn = 1, zeros = 0, part = 'whole' }: RowsOptions = {}): RowsMade {
  const { outputs, inputs } = matrix
  const isKept = !(matrix.values instanceof Float32Array) && !factors && turn === 1 && matrix.scales.length === outputs
  const options = { isKept, factors, turn, zeros, part }
  const quick = simdColumns(matrix, options)
  const rows = quick && fits(quick, zeros) ? quick : plainRows(matrix, options)
  const { transposed, made, sums } = rows
  if (zeros > 0) addZeros(rows, inputs, zeros)
  return [tensor(transposed, [inputs + zeros, outputs]), tensor(made, [outputs]), tensor(sums, [outputs])]
}

/** What the int8 of a row add up to. */
const addedUp = ({ made, sums }: Columns, row: number): number =>
  Math.round((sums[row] as number) / (made[row] as number))

/** Whether as many int8 can be as much as all others of a row. */
const fits = (rows: Columns, zeros: number): boolean =>
  zeros === 0 || rows.made.every((_, row) => Math.abs(addedUp(rows, row)) <= LARGEST * zeros)

/** Behind the columns of each row those that add up to the opposite. */
function addZeros(rows: Columns, inputs: number, zeros: number): void {
  const { transposed, made } = rows
  for (let row = 0; row < made.length; row++) {
    const whole = -addedUp(rows, row)
    const each = Math.floor(whole / zeros)
    const more = whole - each * zeros
    for (let i = 0; i < zeros; i++) transposed[(inputs + i) * made.length + row] = each + (i < more ? 1 : 0)
  }
}

function plainRows(matrix: Matrix, { isKept, factors, turn, zeros, part }: ColumnsOptions): Columns {
  const { outputs, inputs } = matrix
  const transposed = new Int8Array(outputs * (inputs + zeros))
  const [made, sums] = [new Float32Array(outputs), new Float32Array(outputs)]
  const { values: stored, scales } = ungrouped(matrix)
  const given = factors ?? new Float32Array(inputs).fill(1)
  const isTurned = turn > 1
  const values = isTurned ? turned(multiplied(stored, given), turn) : stored
  const by = isTurned ? new Float32Array(inputs).fill(1) : given
  const steps = new Float64Array(TILE)
  const added = new Int32Array(TILE)
  for (let first = 0; first < outputs; first += TILE) {
    const count = Math.min(TILE, outputs - first)
    for (let i = 0; i < count; i++) {
      const row = first + i
      const scale = scales[row] as number
      made[row] = isKept
        ? (matrix.scales[row] as number)
        : scaleOf(largestIn(values, row * inputs, by, 0, inputs) * scale)
      if (zeros > 0) {
        // Rounding moves the sum by half a step for each value at most.
        const least = Math.abs(sumIn(values, row * inputs, by) * scale) / (LARGEST * zeros - inputs / 2)
        if (least > (made[row] as number)) made[row] = least
      }
      steps[i] = stepOf(scale, made[row] as number)
    }
    added.fill(0)
    for (let column = 0; column < inputs; column++) {
      const factor = by[column] as number
      const to = column * outputs + first
      for (let i = 0, from = first * inputs + column; i < count; i++, from += inputs) {
        const exact = (values[from] as number) * factor * (steps[i] as number)
        const whole = nearest(exact)
        const value = part === 'rest' ? nearest((exact - whole) * REST_STEPS) : whole
        transposed[to + i] = value
        added[i] = (added[i] as number) + value
      }
    }
    for (let i = 0; i < count; i++) {
      if (part === 'rest') made[first + i] = (made[first + i] as number) / REST_STEPS
      sums[first + i] = (added[i] as number) * (made[first + i] as number)
    }
  }
  return { transposed, made, sums }
}

/** Of a row of values from a place on, times the factors of their columns. */
function sumIn(values: Values, from: number, by: Float32Array): number {
  let sum = 0
  for (let i = 0; i < by.length; i++) sum += (values[from + i] as number) * (by[i] as number)
  return sum
}
