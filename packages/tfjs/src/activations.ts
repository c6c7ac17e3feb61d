import type { Activation } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { fusedActivation } from './wasm'

type Apply = (x: tf.Tensor) => tf.Tensor

/** x (1 + y) / 2 */
const half = (x: tf.Tensor, y: tf.Tensor): tf.Tensor => tf.mul(tf.mul(x, 0.5), tf.add(y, 1))

const gelu: Apply = (x) => half(x, tf.erf(tf.mul(x, Math.SQRT1_2)))

const geluTanh: Apply = (x) => {
  const inner = tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715))
  return half(x, tf.tanh(tf.mul(inner, Math.sqrt(2 / Math.PI))))
}

const laplace: Apply = (x) => {
  const erf = tf.erf(tf.div(tf.sub(x, 0.707107), 0.282095 * Math.SQRT2))
  return tf.mul(tf.add(erf, 1), 0.5)
}

const ACTIVATIONS: Readonly<Record<Activation, Apply>> = {
  gelu,
  gelu_tanh: geluTanh,
  gelu_10: (x) => tf.clipByValue(gelu(x), -10, 10),
  quick_gelu: (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  hardswish: (x) => tf.div(tf.mul(x, tf.relu6(tf.add(x, 3))), 6),
  laplace,
  relu: tf.relu,
  relu2: (x) => tf.square(tf.relu(x)),
  relu6: tf.relu6,
  leaky_relu: (x) => tf.leakyRelu(x, 0.01),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
  sigmoid: tf.sigmoid,
  sqrtsoftplus: (x) => tf.sqrt(tf.softplus(x)),
  tanh: tf.tanh,
  linear: (x) => x,
}

export const activate = (x: tf.Tensor, name: Activation): tf.Tensor => fusedActivation(x, name) ?? ACTIVATIONS[name](x)
