import type { Tensor } from '@dual-encoder/core'
import type {
  Activation,
  ConvolutionOptions,
  Param,
  PoolOptions,
  Primitives,
  Projection,
} from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { activate } from './activations'
import { scatterAdd } from './gradients'
import { wave } from './waves'
import type { TensorWeights } from './weights'

export const sizeAt = (x: tf.Tensor, axis: number): number => x.shape.at(axis) as number

/** A host tensor on the current backend; integers become int32, TensorFlow.js's only ones. */
export function toTf({ data, dims, dtype }: Tensor): tf.Tensor {
  if (data instanceof Float32Array) return tf.tensor(data, dims as number[])
  const integers = data instanceof Int32Array ? data : Int32Array.from(data as Iterable<number>, Number)
  return tf.tensor(integers, dims as number[], dtype === 'bool' ? 'bool' : 'int32')
}

/** Plain operators on TensorFlow.js tensors. */
export class TfjsPrimitives implements Primitives<tf.Tensor> {
  constructor(protected readonly weights: TensorWeights) {}

  /** A value in the form that TensorFlow.js's own kernels take. An engine may hand on others between kernels of its own. */
  protected plain(x: tf.Tensor): tf.Tensor {
    return x
  }

  dims(x: tf.Tensor): readonly number[] {
    return x.shape
  }
  param(param: Param): tf.Tensor {
    return this.weights.value(param)
  }
  constant(value: Tensor): tf.Tensor {
    return toTf(value)
  }
  scalar(value: number): tf.Tensor {
    return tf.scalar(value)
  }

  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.add(this.plain(a), this.plain(b))
  }
  sub(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.sub(this.plain(a), this.plain(b))
  }
  mul(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.mul(this.plain(a), this.plain(b))
  }
  div(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.div(this.plain(a), this.plain(b))
  }
  maximum(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.maximum(this.plain(a), this.plain(b))
  }
  greaterEqual(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return this.float(tf.greaterEqual(this.plain(a), this.plain(b)))
  }
  float(x: tf.Tensor): tf.Tensor {
    return tf.cast(x, 'float32')
  }
  exp(x: tf.Tensor): tf.Tensor {
    return tf.exp(this.plain(x))
  }
  log(x: tf.Tensor): tf.Tensor {
    return tf.log(this.plain(x))
  }
  sqrt(x: tf.Tensor): tf.Tensor {
    return tf.sqrt(this.plain(x))
  }
  erf(x: tf.Tensor): tf.Tensor {
    return tf.erf(this.plain(x))
  }
  cos(x: tf.Tensor): tf.Tensor {
    return wave(this.plain(x), 0.5)
  }
  sin(x: tf.Tensor): tf.Tensor {
    return wave(this.plain(x), 0)
  }
  activation(x: tf.Tensor, name: Activation): tf.Tensor {
    return activate(this.plain(x), name)
  }

  matMul(
    a: tf.Tensor,
    b: tf.Tensor,
    { transposeA = false, transposeB = false }: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
  ): tf.Tensor {
    // A copy: XNNPACK's cache on wasm knows a right-hand side by its data alone, and aborts where a table
    // that was reshaped comes again in another shape.
    const [left, right] = [this.plain(a), tf.mul(this.plain(b), 1)]
    return tf.matMul(left as tf.Tensor2D, right as tf.Tensor2D, transposeA, transposeB)
  }
  softmax(x: tf.Tensor): tf.Tensor {
    return tf.softmax(this.plain(x))
  }
  sum(x: tf.Tensor, axes: readonly number[], keepDims = false): tf.Tensor {
    return tf.sum(this.plain(x), [...axes], keepDims)
  }
  mean(x: tf.Tensor, axes: readonly number[], keepDims = false): tf.Tensor {
    return tf.mean(this.plain(x), [...axes], keepDims)
  }
  max(x: tf.Tensor, axes: readonly number[], keepDims = false): tf.Tensor {
    return tf.max(this.plain(x), [...axes], keepDims)
  }

  transpose(x: tf.Tensor, axes: readonly number[]): tf.Tensor {
    return tf.transpose(this.plain(x), [...axes])
  }
  reshape(x: tf.Tensor, dims: readonly number[]): tf.Tensor {
    const whole = this.plain(x)
    return tf.reshape(
      whole,
      dims.map((dim, axis) => (dim === 0 ? sizeAt(whole, axis) : dim)),
    )
  }
  slice(x: tf.Tensor, axis: number, start: number, end?: number): tf.Tensor {
    const whole = this.plain(x)
    const at = axis < 0 ? axis + whole.rank : axis
    const size = sizeAt(whole, at)
    const last = end === undefined ? size : end < 0 ? size + end : Math.min(end, size)
    const first = start < 0 ? size + start : start
    if (first === 0 && last === size) return tf.clone(whole)
    const begin = whole.shape.map((_, i) => (i === at ? first : 0))
    const sizes = whole.shape.map((dim, i) => (i === at ? last - first : dim))
    return tf.slice(whole, begin, sizes)
  }
  concat(parts: readonly tf.Tensor[], axis: number): tf.Tensor {
    return tf.concat(
      parts.map((part) => this.plain(part)),
      axis,
    )
  }
  pad(x: tf.Tensor, axis: number, before: number, after: number): tf.Tensor {
    const whole = this.plain(x)
    const at = axis < 0 ? axis + whole.rank : axis
    // Three axes: of more than four WebGPU's kernel gives zeros, without an error.
    const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)
    const [outer, inner] = [product(whole.shape.slice(0, at)), product(whole.shape.slice(at + 1))]
    const amounts: [number, number][] = [
      [0, 0],
      [before, after],
      [0, 0],
    ]
    const padded = tf.pad(tf.reshape(whole, [outer, sizeAt(whole, at), inner]), amounts)
    return tf.reshape(
      padded,
      whole.shape.map((size, i) => (i === at ? before + size + after : size)),
    )
  }
  expandToBatch(x: tf.Tensor, like: tf.Tensor): tf.Tensor {
    return tf.tile(x, [sizeAt(like, 0), ...x.shape.slice(1).map(() => 1)])
  }
  expand(x: tf.Tensor, dims: readonly number[]): tf.Tensor {
    return tf.broadcastTo(this.plain(x), [...dims])
  }

  gather(x: tf.Tensor, index: tf.Tensor, axis = 0): tf.Tensor {
    return tf.gather(this.plain(x), index as tf.Tensor1D, axis)
  }
  scatterAdd(rows: tf.Tensor, index: tf.Tensor, count: number): tf.Tensor {
    const whole = this.plain(rows)
    const flat = tf.reshape(whole, [-1, sizeAt(whole, -1)])
    return scatterAdd(flat, tf.cast(tf.reshape(index, [index.size]), 'int32'), count)
  }
  oneHot(index: tf.Tensor, like: tf.Tensor): tf.Tensor {
    return this.float(tf.oneHot(tf.cast(index, 'int32') as tf.Tensor1D, sizeAt(like, 1)))
  }

  conv2d(x: tf.Tensor, { weight, bias }: Projection, options: ConvolutionOptions = {}): tf.Tensor {
    const { strides = [1, 1], padding = [0, 0, 0, 0], groups = 1 } = options
    return tf.tidy(() => {
      const kernel = this.weights.value(weight)
      const pixels = tf.transpose(padded(this.plain(x), padding), [0, 2, 3, 1]) as tf.Tensor4D
      const convolved = convolve(pixels, kernel as tf.Tensor4D, [...strides], groups)
      const y = tf.transpose(convolved, [0, 3, 1, 2])
      return bias ? tf.add(y, tf.reshape(this.weights.value(bias), [1, -1, 1, 1])) : y
    })
  }
  maxPool2d(x: tf.Tensor, { size, strides, padding = [0, 0, 0, 0] }: PoolOptions): tf.Tensor {
    return tf.tidy(() => {
      const pixels = tf.transpose(padded(this.plain(x), padding, LOWEST), [0, 2, 3, 1]) as tf.Tensor4D
      return tf.transpose(tf.maxPool(pixels, [...size], [...strides], 'valid'), [0, 3, 1, 2])
    })
  }
}

/** Below every value that a tower computes. */
const LOWEST = -1e30

/** `[B, C, H, W]` with `value` at top, left, bottom and right. */
function padded(x: tf.Tensor, [top, left, bottom, right]: readonly number[], value = 0): tf.Tensor {
  const amounts: [number, number][] = [
    [0, 0],
    [0, 0],
    [top ?? 0, bottom ?? 0],
    [left ?? 0, right ?? 0],
  ]
  return amounts.every(([before, after]) => before === 0 && after === 0) ? x : tf.pad(x, amounts, value)
}

/** pixels `[B, H, W, C]`, kernel `[out, C / groups, h, w]` -> `[B, H', W', out]`. */
function convolve(pixels: tf.Tensor4D, kernel: tf.Tensor4D, strides: [number, number], groups: number): tf.Tensor {
  const channels = pixels.shape[3]
  if (groups === 1) return tf.conv2d(pixels, tf.transpose(kernel, [2, 3, 1, 0]), strides, 'valid')
  if (groups === channels && kernel.shape[0] === channels)
    return tf.depthwiseConv2d(pixels, tf.transpose(kernel, [2, 3, 0, 1]), strides, 'valid')
  const [inputs, kernels] = [tf.split(pixels, groups, 3), tf.split(kernel, groups, 0)]
  return tf.concat(
    inputs.map((part, i) => convolve(part as tf.Tensor4D, kernels[i] as tf.Tensor4D, strides, 1)),
    3,
  )
}
