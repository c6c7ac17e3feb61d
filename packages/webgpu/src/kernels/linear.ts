import type { Activation } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { activationCode } from './activations'
import { asResult, type Describe, fourOf, type Input, inputsOf, integers, type Shaped } from './kernel'

export const LINEAR = 'DualEncoderLinear'

export interface LinearAttrs {
  /** Of the result, in columns. */
  readonly width: number
  /** The matrix's first column that is meant; a multiple of 4. */
  readonly offset: number
  /** The matrix is `[width, K]`, else `[K, at least offset + width]`. */
  readonly transposed: boolean
  readonly activation: Activation
  /** The result in float16, two in each int32. */
  readonly half: boolean
}

/** Invocations of a workgroup: across the columns, four to each, and the others. */
const ACROSS = 8
const OTHERS = 8

/** How a workgroup's invocations share a result of few rows: its inner values are split where rows leave some idle. */
interface Tile {
  /** Rows of the result that an invocation computes. */
  readonly rows: number
  /** Invocations for as many rows each. */
  readonly down: number
  /** Invocations that each sum a part of the inner values. */
  readonly splits: number
}

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(least))

function tileOf(count: number): Tile {
  const rows = Math.min(8, powerOfTwo(count))
  const down = Math.min(OTHERS, powerOfTwo(Math.ceil(count / rows)))
  return { rows, down, splits: OTHERS / down }
}

type EachRow = (of: (row: number) => string) => string

/** sum += x W for four columns: the rows of W are read four at a time. */
const straight = (each: EachRow): string => `
  let w0 = matrixAt((4 * k + 0) * stride + column);
  let w1 = matrixAt((4 * k + 1) * stride + column);
  let w2 = matrixAt((4 * k + 2) * stride + column);
  let w3 = matrixAt((4 * k + 3) * stride + column);
  ${each((r) => `s${r} += x${r}.x * w0; s${r} += x${r}.y * w1; s${r} += x${r}.z * w2; s${r} += x${r}.w * w3;`)}`
const transposedProduct = (each: EachRow): string => `
  let w0 = matrixAt((4 * column + 0) * stride + k);
  let w1 = matrixAt((4 * column + 1) * stride + k);
  let w2 = matrixAt((4 * column + 2) * stride + k);
  let w3 = matrixAt((4 * column + 3) * stride + k);
  ${each((r) => `s${r} += vec4<f32>(dot(x${r}, w0), dot(x${r}, w1), dot(x${r}, w2), dot(x${r}, w3));`)}`

/** The parts' sums, of which the first part's invocation has all in the end; the others end here. */
const sumOfParts = ({ rows, down, splits }: Tile, each: EachRow): string =>
  splits === 1
    ? ''
    : `let slot = (i32(localId.y) % ${down} * ${ACROSS} + i32(localId.x)) * ${rows};
      if (part > 0) { ${each((r) => `partial[(part - 1) * ${down * ACROSS * rows} + slot + ${r}] = s${r};`)} }
      workgroupBarrier();
      if (part > 0) { return; }
      for (var other = 0; other < ${splits - 1}; other++) {
        ${each((r) => `s${r} += partial[other * ${down * ACROSS * rows} + slot + ${r}];`)}
      }`

/** A row in fours of values. */
const fours = ({ shape, dtype }: Shaped): number => (shape[1] ?? 1) / (dtype === 'int32' ? 2 : 4)

/** Whether the kernel takes such a layer: its loads are of four values. */
export const isLinear = (inner: number, { width, offset }: Pick<LinearAttrs, 'width' | 'offset'>): boolean =>
  inner % 4 === 0 && width % 4 === 0 && offset % 4 === 0

interface LinearTensors {
  readonly x: Shaped
  readonly matrix: Shaped
  readonly bias?: Shaped
  readonly scale?: Shaped
}

/**
 * activation(x W + b) * scale, each invocation a tile of up to 8 rows and 4 columns in registers.
 * x `[M, K]`, matrix, bias and scale `[width]` -> `[M, width]`; x, matrix and result float32, or int32 that hold two
 * float16 each. Its gradient knows no scale.
 */
export const linearKernel: Describe<LinearTensors, LinearAttrs> = ({ x, matrix, bias, scale }, attrs) => {
  const { width, offset, transposed, activation, half } = attrs
  const [halfX, halfMatrix] = [x.dtype === 'int32', matrix.dtype === 'int32']
  const [count = 1] = x.shape
  const tile = tileOf(count)
  const { rows, down, splits } = tile
  const each: EachRow = (of) => Array.from({ length: rows }, (_, row) => of(row)).join('\n')
  const inFours = (input: Input): Input => ({ ...input, width: input.dtype === 'int32' ? 2 : 4 })
  return {
    name: LINEAR,
    variant: [activation, transposed, half, rows, down, scale !== undefined],
    inputs: inputsOf({ x, matrix, bias, scale }).map(inFours),
    result: half
      ? { shape: [count, width / 2], dtype: 'int32', width: 2 }
      : { shape: [count, width], dtype: 'float32', width: 4 },
    workgroup: [ACROSS, OTHERS],
    groups: [Math.ceil(width / 4 / ACROSS), Math.ceil(count / rows / down), 1],
    uniforms: integers({ inner: fours(x), stride: fours(matrix), width: width / 4, offset: offset / 4 }),
    code: `${activationCode(activation)} ${fourOf('xAt', 'x', halfX)} ${fourOf('matrixAt', 'matrix', halfMatrix)}
        ${splits > 1 ? `var<workgroup> partial: array<vec4<f32>, ${(splits - 1) * down * ACROSS * rows}>;` : ''}
        fn main() {
          let M = uniforms.outShape.x;
          let N = uniforms.width;
          let K = uniforms.inner;
          let stride = uniforms.stride;
          let four = i32(globalId.x);
          let part = i32(localId.y) / ${down};
          let top = (i32(workgroupId.y) * ${down} + i32(localId.y) % ${down}) * ${rows};
          ${splits === 1 ? 'if (four >= N || top >= M) { return; }' : ''}
          // Those beyond the result sum what its last row and column have, for all must reach a barrier.
          let column = min(four, N - 1) + uniforms.offset;
          ${each((r) => `let at${r} = min(top + ${r}, M - 1) * K; var s${r} = vec4<f32>(0.0);`)}
          let span = (K + ${splits - 1}) / ${splits};
          let end = min(K, (part + 1) * span);
          for (var k = part * span; k < end; k++) {
            ${each((r) => `let x${r} = xAt(at${r} + k);`)}
            ${transposed ? transposedProduct(each) : straight(each)}
          }
          ${sumOfParts(tile, each)}
          if (four >= N) { return; }
          let b = ${bias ? 'bias[four]' : 'vec4<f32>(0.0)'};
          let scale = ${scale ? 'scale[four]' : 'vec4<f32>(1.0)'};
          ${each((r) => `if (top + ${r} < M) { result[(top + ${r}) * N + four] = ${asResult(`activate(s${r} + b) * scale`, half)}; }`)}
        }`,
  }
}

export const linearGradient: tf.GradConfig = {
  kernelName: LINEAR,
  inputsToSave: ['x', 'matrix'],
  gradFunc: (dy, saved, attrs) => {
    const [x, matrix] = saved as [tf.Tensor2D, tf.Tensor2D]
    const { transposed } = attrs as unknown as LinearAttrs
    const d = dy as tf.Tensor2D
    return {
      x: () => tf.matMul(d, matrix, false, !transposed),
      matrix: () => (transposed ? tf.matMul(d, x, true) : tf.matMul(x, d, true)),
      bias: () => tf.sum(d, 0),
    }
  },
}
