import type { Tensor } from '@dual-encoder/core'
import { dequantize, float32Of, tensor, type WeightEntry, type WeightRecipe } from '@dual-encoder/core/backend'
import { type RowsMade, rowsOf, ZERO, zeroColumns } from './forms'
import { turnOf } from './hadamard'
import { balance, evenly, measure } from './matrix'
import { type Int8Element, type Int8Form, isEven } from './plan'
import { simdFlipped, simdFloats } from './simd'
import { type Matrix, matrixOf } from './stored-matrix'

/** What is read beside a matrix: gains and biases of the norm before it, and the layer's own bias. */
export type Beside = 'gains' | 'offsets' | 'bias'

/**
 * How weights are made of those of a file, in plain values, so that any thread can: the parts of `Int8Layer` of a matrix and
 * what is read beside it, what evenly shared gains leave to a norm, or float32 of what a file holds as int8.
 */
export type Int8Recipe =
  | 'even gains'
  | 'float32'
  | { readonly form: Int8Form; readonly element: Int8Element; readonly beside: readonly Beside[] }

export const recipeOf = (of: readonly WeightEntry[], how: Int8Recipe): WeightRecipe => ({
  of,
  how,
  make: (values) => makeInt8(how, values),
})

/** What is left to a norm of its gains. */
const divided = (gains: Float32Array, factors: Float32Array): Float32Array =>
  gains.map((gain, i) => gain / (factors[i] as number))

/**
 * @param values the matrix as it is stored, and those beside it
 * @returns what is good until something else is made
 */
export function makeInt8(how: Int8Recipe, values: readonly Tensor[]): readonly Tensor[] {
  if (how === 'even gains') {
    const gains = float32Of(values[0] as Tensor)
    return [tensor(divided(gains, evenly(gains)), [gains.length])]
  }
  if (how === 'float32') return [floatsOf(values as [Tensor, Tensor])]
  const { form, element, beside: names } = how
  const stored = values.length - names.length
  const { gains, offsets, bias }: Partial<Record<Beside, Float32Array>> = Object.fromEntries(
    names.map((name, i) => [name, float32Of(values[stored + i] as Tensor)]),
  )
  const matrix = matrixOf(values.slice(0, stored))
  const { outputs, inputs } = matrix
  const even = isEven(form)
  const measures = gains && measure(matrix, offsets ?? new Float32Array(inputs), even)
  const factors = measures && (even ? evenly(gains) : balance(measures, gains))
  const made = stepsIn(element, madeOf(form, matrix, factors))
  if (!factors) return made
  const added = tensor(
    Float32Array.from(measures.products, (product, row) => product + (bias?.[row] ?? 0)),
    [outputs],
  )
  return even ? [...made, added] : [...made, added, tensor(divided(gains, factors), [inputs])]
}

/** Of rows that share their gains evenly the sums go into columns of the values. */
function madeOf(form: Int8Form, matrix: Matrix, factors: Float32Array | undefined): readonly Tensor[] {
  if (form.form === 'words') return wordsOf(matrix)
  if (!isEven(form)) return turnedRows(matrix, factors)
  return rowsOf(matrix, { factors, zeros: zeroColumns(matrix.inputs) }).slice(0, 2)
}

/** Every int8 as what the engine multiplies by. */
const stepsIn = (element: Int8Element, made: readonly Tensor[]): readonly Tensor[] =>
  element === 'int8' ? made : made.map((part) => (part.dtype === 'int8' ? bytesOf(part as Tensor<'int8'>) : part))

/** The same steps around `ZERO`, in the same memory. */
function bytesOf({ data, dims }: Tensor<'int8'>): Tensor<'uint8'> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length)
  if (!simdFlipped(bytes)) for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ ZERO
  return tensor(bytes, dims, 'uint8')
}

function floatsOf([values, scales]: readonly [Tensor, Tensor]): Tensor {
  const quick = simdFloats(matrixOf([values, scales]))
  return quick ? tensor(quick, values.dims) : dequantize(values, scales)
}

const turnedRows = (matrix: Matrix, factors: Float32Array | undefined): readonly Tensor[] =>
  aroundZero(rowsOf(matrix, { factors, turn: turnOf(matrix.inputs) }))

function wordsOf(matrix: Matrix): readonly Tensor[] {
  // The second call takes the first one's memory.
  const whole = aroundZero(rowsOf(matrix)).map(({ data, dims, dtype }) => tensor(data.slice(), dims, dtype))
  return [...whole, ...aroundZero(rowsOf(matrix, { part: 'rest' }))]
}

/** With what takes `ZERO` off the bytes in place of the sums. */
function aroundZero([rows, scales, sums]: RowsMade): readonly Tensor[] {
  const taken = new Float32Array(sums.data.length)
  // A loop makes no number of its own for each, which would be a good part of all garbage.
  for (let i = 0; i < taken.length; i++) taken[i] = -ZERO * (sums.data[i] as number)
  return [rows, scales, tensor(taken, sums.dims)]
}
