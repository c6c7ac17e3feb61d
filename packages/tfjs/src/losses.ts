import type { LossOps } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'

const sized = (x: tf.Tensor): number => x.shape[0] ?? 1

/** The losses' ops on TensorFlow.js tensors. Differentiable. */
export const tfLossOps: LossOps<tf.Tensor> = {
  rows: sized,
  matMulTransposed: (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, false, true),
  transposed: (x) => tf.transpose(x),
  exp: tf.exp,
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  scale: (x, factor) => tf.mul(x, factor),
  logSoftmax: (x) => tf.logSoftmax(x),
  // The gradient of tf.logSigmoid reads its input after it was disposed of.
  logSigmoid: (x) => tf.neg(tf.softplus(tf.neg(x))),
  diagonal: (x) => tf.sum(tf.mul(x, tf.eye(sized(x))), 1),
  pairSigns: (n) => tf.sub(tf.mul(tf.eye(n), 2), 1),
  centred: (x) => tf.sub(x, tf.mean(x, 0, true)),
  mean: (x) => tf.mean(x),
  sum: (x) => tf.sum(x),
}
