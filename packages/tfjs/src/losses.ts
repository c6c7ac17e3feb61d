import type { LossOps } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'

const sized = (x: tf.Tensor): number => x.shape[0] ?? 1

/** Its gradient is the softmax itself: through max, exp and log it would lose a digit where one logit stands out. */
const logSumExp = tf.customGrad((x, save) => {
  const rows = x as tf.Tensor
  ;(save as tf.GradSaveFunc)([rows])
  return {
    value: tf.logSumExp(rows, -1),
    gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(tf.expandDims(dy, -1), tf.softmax(saved as tf.Tensor)),
  }
})

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
  logSumExp: (x) => logSumExp(x),
  logSigmoid: tf.logSigmoid,
  diagonal: (x) => tf.sum(tf.mul(x, tf.eye(sized(x))), 1),
  pairSigns: (n) => tf.sub(tf.mul(tf.eye(n), 2), 1),
  mean: (x) => tf.mean(x),
  sum: (x) => tf.sum(x),
}
