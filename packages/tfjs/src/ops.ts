import type { Activation, AttentionOptions, Linear, Norm, Ops, Param, Projection } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { activate } from './activations'
import type { DropoutMasks } from './dropout'
import { sizeAt, TfjsPrimitives } from './primitives'
import type { TensorWeights } from './weights'

/** Added to the scores of padding, it swallows them as transformers' lowest float32 does, which WebGPU makes NaN of. */
const MASKED = -1e30

/** `[B, L]` of 1 and 0 -> `[B, L]` of 0 and the lowest float. */
const maskBias = (mask: tf.Tensor): tf.Tensor => tf.mul(tf.sub(1, tf.cast(mask, 'float32')), MASKED)

/** `[L, L]`: the lowest float above the diagonal, 0 elsewhere. */
function causalBias(length: number): tf.Tensor {
  const rows = tf.range(0, length)
  return tf.mul(tf.cast(tf.greater(rows, tf.expandDims(rows, 1)), 'float32'), MASKED)
}

/** Runs a tower eagerly on TensorFlow.js tensors. Made for one run. Call it within `tf.tidy`. */
export class TfjsOps extends TfjsPrimitives implements Ops<tf.Tensor> {
  entering?: Ops<tf.Tensor>['entering']

  /** @param masks given while training: without it, nothing is dropped */
  constructor(
    weights: TensorWeights,
    protected readonly masks?: DropoutMasks,
  ) {
    super(weights)
  }

  linear(x: tf.Tensor, { weight, bias, scale }: Linear, activation: Activation = 'linear'): tf.Tensor {
    return tf.tidy(() => {
      const { matrix, transposed } = this.weights.matrix(weight)
      // Two axes and a bias of its own: tf.fused.matMul adds the bias wrongly on wasm where there are more.
      const rows: tf.Tensor2D = tf.reshape(x, [-1, sizeAt(x, x.rank - 1)])
      const product = tf.matMul(rows, matrix, false, transposed)
      const activated = activate(bias ? tf.add(product, this.weights.value(bias)) : product, activation)
      const y = scale ? tf.mul(activated, this.weights.value(scale)) : activated
      return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), sizeAt(y, 1)])
    })
  }
  linears(x: tf.Tensor, layers: readonly Projection[]): tf.Tensor[] {
    return layers.map((layer) => this.linear(x, layer))
  }

  layerNorm(x: tf.Tensor, { weight, bias, eps }: Norm): tf.Tensor {
    return tf.tidy(() => {
      const centred = tf.sub(x, tf.mean(x, -1, true))
      const variance = tf.mean(tf.square(centred), -1, true)
      const normed = tf.mul(centred, tf.rsqrt(tf.add(variance, eps)))
      const scaled = tf.mul(normed, this.weights.value(weight))
      return bias ? tf.add(scaled, this.weights.value(bias)) : scaled
    })
  }
  addLayerNorm(x: tf.Tensor, residual: tf.Tensor, norm: Norm): { sum: tf.Tensor; normed: tf.Tensor } {
    const sum = tf.add(x, residual)
    return { sum, normed: this.layerNorm(sum, norm) }
  }

  embedding(ids: tf.Tensor, table: Param): tf.Tensor {
    return tf.gather(this.weights.value(table), ids as tf.Tensor2D)
  }

  patchEmbed(pixels: tf.Tensor, { weight, bias }: Projection): tf.Tensor {
    const [, , ph = 1, pw = 1] = weight.shape
    const [batch, channels, height, width] = pixels.shape as [number, number, number, number]
    const [rows, columns] = [Math.floor(height / ph), Math.floor(width / pw)]
    const whole =
      rows * ph === height && columns * pw === width
        ? pixels
        : tf.slice(pixels, [0, 0, 0, 0], [batch, channels, rows * ph, columns * pw])
    // A matrix product over patches: unlike conv2d it has a gradient on every backend.
    const split = tf.transpose(tf.reshape(whole, [batch * channels, rows, ph, columns, pw]), [0, 1, 3, 2, 4])
    const byChannel = tf.reshape(split, [batch, channels, rows * columns, ph * pw])
    const patches = tf.reshape(tf.transpose(byChannel, [0, 2, 1, 3]), [batch, rows * columns, channels * ph * pw])
    return this.linear(patches, { weight, bias })
  }

  attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    { heads, scale, keyMask, bias, causal, probs: wanted, dropout = 0 }: AttentionOptions<tf.Tensor>,
  ): { context: tf.Tensor; probs?: tf.Tensor } {
    return tf.tidy(() => {
      const [batch, length, hidden] = q.shape as [number, number, number]
      const headSize = hidden / heads
      const split = (x: tf.Tensor, axes: number[]) =>
        tf.transpose(tf.reshape(x, [batch, sizeAt(x, 1), heads, headSize]), axes)
      // The queries are scaled, being fewer than the scores.
      const scaled = tf.mul(q, scale ?? 1 / Math.sqrt(headSize))
      let scores = tf.matMul(split(scaled, [0, 2, 1, 3]), split(k, [0, 2, 3, 1]))
      if (bias) scores = tf.add(scores, bias)
      if (keyMask) scores = tf.add(scores, tf.reshape(maskBias(keyMask), [batch, 1, 1, sizeAt(keyMask, 1)]))
      if (causal) scores = tf.add(scores, causalBias(length))
      const probs = this.dropout(tf.softmax(scores), dropout)
      const context = tf.transpose(tf.matMul(probs, split(v, [0, 2, 1, 3])), [0, 2, 1, 3])
      return { context: tf.reshape(context, [batch, length, hidden]), ...(wanted ? { probs } : {}) }
    })
  }

  concatTokens(parts: readonly tf.Tensor[]): tf.Tensor {
    return this.concat(parts, 1)
  }
  sliceTokens(x: tf.Tensor, start: number, end?: number): tf.Tensor {
    return this.slice(x, 1, start, end)
  }
  token(x: tf.Tensor, index: number): tf.Tensor {
    const end = index === -1 ? undefined : index + 1
    return tf.reshape(this.sliceTokens(x, index, end), [sizeAt(x, 0), sizeAt(x, 2)])
  }
  tokenAt(x: tf.Tensor, index: tf.Tensor): tf.Tensor {
    return tf.sum(tf.mul(x, tf.expandDims(this.oneHot(index, x), 2)), 1)
  }
  meanTokens(x: tf.Tensor, mask?: tf.Tensor): tf.Tensor {
    if (!mask) return tf.mean(x, 1)
    const weights = tf.cast(mask, 'float32')
    return tf.div(tf.sum(tf.mul(x, tf.expandDims(weights, 2)), 1), tf.sum(weights, 1, true))
  }
  maxTokens(x: tf.Tensor, mask?: tf.Tensor): tf.Tensor {
    return tf.max(mask ? tf.add(x, tf.expandDims(maskBias(mask), 2)) : x, 1)
  }
  l2Normalize(x: tf.Tensor, eps?: number): tf.Tensor {
    const norm = tf.sqrt(tf.sum(tf.square(this.plain(x)), -1, true))
    return tf.div(this.plain(x), eps === undefined ? norm : tf.maximum(norm, eps))
  }

  dropout(x: tf.Tensor, rate: number): tf.Tensor {
    return this.masks && rate > 0 ? tf.mul(x, this.masks.next(x.shape, rate)) : x
  }
  dropPath(x: tf.Tensor, rate: number): tf.Tensor {
    if (!this.masks || rate === 0) return x
    return tf.mul(x, this.masks.next([sizeAt(x, 0), ...x.shape.slice(1).map(() => 1)], rate))
  }

  resized(
    table: Param,
    size: string,
    compute: () => tf.Tensor,
    unfold: (small: tf.Tensor) => tf.Tensor = (small) => small,
  ): tf.Tensor {
    const whole = () => unfold(compute())
    return this.weights.resized?.(table, size, whole) ?? whole()
  }
  layer<R extends Readonly<Record<string, tf.Tensor | undefined>>>(
    compute: () => R,
    consumed: readonly tf.Tensor[],
  ): R {
    // What enters a layer is noted, or is another's: it outlives the layer.
    if (this.entering) return compute()
    const made = tf.tidy(compute as () => tf.TensorContainerObject) as R
    // A tape reads it on the way back.
    if (tf.engine().state.gradientDepth === 0) tf.dispose(consumed as tf.Tensor[])
    return made
  }
}
