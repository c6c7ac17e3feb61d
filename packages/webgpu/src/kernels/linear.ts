import type { Activation } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import type { DeviceBackend } from '../device/backend'
import { activationCode } from './activations'
import { asResult, fourOf, type Input, runKernel } from './program'

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

/** Rows and columns (times 4) of the result that an invocation computes, and the invocations of a workgroup. */
const ROWS = 8
const ACROSS = 8
const DOWN = 8
const rows = (of: (row: number) => string): string => Array.from({ length: ROWS }, (_, row) => of(row)).join('\n')

/** sum += x W for four columns: the rows of W are read four at a time. */
const STRAIGHT = `
  let w0 = matrixAt((4 * k + 0) * stride + column);
  let w1 = matrixAt((4 * k + 1) * stride + column);
  let w2 = matrixAt((4 * k + 2) * stride + column);
  let w3 = matrixAt((4 * k + 3) * stride + column);
  ${rows((r) => `s${r} += x${r}.x * w0; s${r} += x${r}.y * w1; s${r} += x${r}.z * w2; s${r} += x${r}.w * w3;`)}`
const TRANSPOSED = `
  let w0 = matrixAt((4 * column + 0) * stride + k);
  let w1 = matrixAt((4 * column + 1) * stride + k);
  let w2 = matrixAt((4 * column + 2) * stride + k);
  let w3 = matrixAt((4 * column + 3) * stride + k);
  ${rows((r) => `s${r} += vec4<f32>(dot(x${r}, w0), dot(x${r}, w1), dot(x${r}, w2), dot(x${r}, w3));`)}`

/** A row in fours of values. */
const fours = ({ shape, dtype }: tf.TensorInfo): number => (shape[1] ?? 1) / (dtype === 'int32' ? 2 : 4)

/** Whether the kernel takes such a layer: its loads are of four values. */
export const isLinear = (inner: number, { width, offset }: Pick<LinearAttrs, 'width' | 'offset'>): boolean =>
  inner % 4 === 0 && width % 4 === 0 && offset % 4 === 0

/**
 * activation(x W + b), each invocation a tile of 8 rows and 4 columns in registers.
 * x `[M, K]`, matrix, bias `[width]` -> `[M, width]`; x, matrix and result float32, or int32 that hold two float16 each.
 */
export const linearKernel =
  (backend: DeviceBackend): tf.KernelFunc =>
  ({ inputs, attrs }) => {
    const { x, matrix, bias } = inputs as unknown as { x: tf.TensorInfo; matrix: tf.TensorInfo; bias?: tf.TensorInfo }
    const { width, offset, transposed, activation, half } = attrs as unknown as LinearAttrs
    const [halfX, halfMatrix] = [x.dtype === 'int32', matrix.dtype === 'int32']
    const [count = 1] = x.shape
    const tensors: Input[] = [
      { name: 'x', tensor: x, width: halfX ? 2 : 4 },
      { name: 'matrix', tensor: matrix, width: halfMatrix ? 2 : 4 },
      ...(bias ? [{ name: 'bias', tensor: bias, width: 4 } as const] : []),
    ]
    return runKernel(backend, {
      kernel: LINEAR,
      variant: [activation, transposed, half],
      dtype: half ? 'int32' : 'float32',
      inputs: tensors,
      shape: [count, half ? width / 2 : width],
      width: half ? 2 : 4,
      workgroup: [ACROSS, DOWN],
      groups: [Math.ceil(width / 4 / ACROSS), Math.ceil(count / ROWS / DOWN), 1],
      uniforms: [
        { declare: 'inner: i32', value: fours(x) },
        { declare: 'stride: i32', value: fours(matrix) },
        { declare: 'width: i32', value: width / 4 },
        { declare: 'offset: i32', value: offset / 4 },
      ],
      code: `${activationCode(activation)} ${fourOf('xAt', 'x', halfX)} ${fourOf('matrixAt', 'matrix', halfMatrix)}
        fn main() {
          let M = uniforms.outShape.x;
          let N = uniforms.width;
          let K = uniforms.inner;
          let stride = uniforms.stride;
          let place = i32(globalId.x);
          let top = i32(globalId.y) * ${ROWS};
          if (place >= N || top >= M) { return; }
          let column = place + uniforms.offset;
          ${rows((r) => `let at${r} = min(top + ${r}, M - 1) * K; var s${r} = vec4<f32>(0.0);`)}
          for (var k = 0; k < K; k++) {
            ${rows((r) => `let x${r} = xAt(at${r} + k);`)}
            ${transposed ? TRANSPOSED : STRAIGHT}
          }
          ${bias ? 'let b = bias[place];' : 'let b = vec4<f32>(0.0);'}
          ${rows((r) => `if (top + ${r} < M) { result[(top + ${r}) * N + place] = ${asResult(`activate(s${r} + b)`, half)}; }`)}
        }`,
    })
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
