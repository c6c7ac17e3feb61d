import { clipLossOfLogits, diagonal, siglipLossOfLogits } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { activate } from './activations'
import { startBackend } from './backend'
import { TfjsPrimitives } from './primitives'
import { TreeWeights } from './weights'

const ops = new TfjsPrimitives(new TreeWeights({}))
const positives = () => ops.constant(diagonal(3))

const sines = (shape: number[], step = 0.7) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => 2 * Math.sin(step * i + step)),
    shape,
  )

/** Weighs every value of y differently, so that no error cancels. */
const weigh = (y: tf.Tensor): tf.Scalar => tf.sum(tf.mul(y, sines(y.shape, 1.3)))

/** Largest difference of the gradient of `f` at x from central differences, relative to its largest value. */
function gradientError(f: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, step = 4e-3): number {
  return tf.tidy(() => {
    const given = tf
      .grad((at: tf.Tensor) => weigh(f(at)))(x)
      .dataSync()
    const values = x.dataSync<'float32'>()
    const at = (i: number, delta: number) => {
      const moved = values.slice()
      moved[i]! += delta
      return weigh(f(tf.tensor(moved, x.shape))).dataSync()[0]!
    }
    const wanted = Array.from(values, (_, i) => (at(i, step) - at(i, -step)) / (2 * step))
    const scale = Math.max(...wanted.map(Math.abs))
    return Math.max(...wanted.map((value, i) => Math.abs(value - given[i]!))) / scale
  })
}

const KERNELS: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  'a b': (x) => tf.matMul(x as tf.Tensor2D, sines([4, 5])),
  'aᵀ b': (x) => tf.matMul(x as tf.Tensor2D, sines([3, 5]), true),
  'a bᵀ': (x) => tf.matMul(x as tf.Tensor2D, sines([5, 4]), false, true),
  'aᵀ bᵀ': (x) => tf.matMul(x as tf.Tensor2D, sines([5, 3]), true, true),
  'right side': (x) => tf.matMul(sines([5, 3]), x as tf.Tensor2D),
  'right side of aᵀ b': (x) => tf.matMul(sines([3, 5]), x as tf.Tensor2D, true),
  'right side of a bᵀ': (x) => tf.matMul(sines([5, 4]), x as tf.Tensor2D, false, true),
  'right side of aᵀ bᵀ': (x) => tf.matMul(sines([4, 5]), x as tf.Tensor2D, true, true),
  'batched a b': (x) => tf.matMul(tf.reshape(x, [2, 3, 2]) as tf.Tensor3D, sines([2, 2, 5])),
  'batched a bᵀ on both sides': (x) => {
    const batched: tf.Tensor3D = tf.reshape(x, [2, 3, 2])
    return tf.matMul(batched, batched, false, true)
  },
  'a row added to all': (x) => tf.add(sines([2, 3, 4]), tf.slice(x, [1, 0], [1, 4])),
  'a column multiplied with all': (x) => tf.mul(sines([2, 3, 4]), tf.slice(x, [0, 1], [3, 1])),
  'divided by another': (x) => tf.div(sines([3, 4]), tf.add(tf.square(x), 1)),
  'subtracted from another': (x) => tf.sub(sines([2, 3, 4]), x),
  'mean over rows': (x) => tf.mul(tf.mean(x, 0, true), x),
  'mean of all': (x) => tf.mul(tf.mean(x), x),
  'sum over columns': (x) => tf.mul(tf.sum(x, -1, true), x),
  'gathered, some rows twice': (x) => tf.gather(x, tf.tensor2d([2, 0, 2, 2], [2, 2], 'int32')),
  'a slice': (x) => tf.slice(x, [1, 0], [2, 3]),
  concatenated: (x) => tf.concat([x, tf.square(x), sines([3, 2])], 1),
  transposed: (x) => tf.transpose(tf.reshape(x, [2, 3, 2]), [2, 0, 1]),
  tiled: (x) => tf.tile(tf.expandDims(x, 0), [3, 1, 2]),
  softmax: (x) => tf.softmax(x),
  'square root': (x) => tf.sqrt(tf.add(tf.square(x), 1)),
  'inverse square root': (x) => tf.rsqrt(tf.add(tf.square(x), 1)),
  'log of exp': (x) => tf.log(tf.add(tf.exp(x), 1)),
  "CLIP's loss": (x) => clipLossOfLogits(ops, tf.slice(x, [0, 0], [3, 3]), positives()),
  "SigLIP's loss": (x) => siglipLossOfLogits(ops, tf.slice(x, [0, 1], [3, 3]), positives()),
  'largest of a row': (x) => tf.max(tf.mul(x, sines([3, 4], 2)), -1),
  'larger of two': (x) => tf.maximum(sines([4], 1.1), x),
  'cut off': (x) => tf.clipByValue(x, -1.5, 1.1),
}

const ACTIVATIONS = [
  'gelu',
  'gelu_tanh',
  'gelu_10',
  'quick_gelu',
  'hardswish',
  'laplace',
  'relu',
  'relu2',
  'relu6',
  'leaky_relu',
  'silu',
  'mish',
  'sigmoid',
  'sqrtsoftplus',
  'tanh',
  'linear',
] as const

describe.each(['cpu', 'wasm'] as const)('gradients on %s', (backend) => {
  beforeAll(async () => {
    await startBackend({ backend })
    await tf.setBackend(backend)
  })

  it.each(Object.entries(KERNELS))('%s', (_, f) => {
    expect(gradientError(f, sines([3, 4], 0.45))).toBeLessThan(2e-3)
  })

  it.each(ACTIVATIONS)('%s', (name) => {
    // None of the values lies where an activation has a corner.
    expect(gradientError((x) => activate(tf.mul(x, 2), name), sines([3, 4], 0.45))).toBeLessThan(2e-3)
  })
})
