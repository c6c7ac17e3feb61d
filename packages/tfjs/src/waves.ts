import * as tf from '@tensorflow/tfjs-core'

/** Pi in two parts, of which the first times a small integer is exact. */
const [PI_HIGH, PI_LOW] = [3.140625, Math.PI - 3.140625]
/** Of the odd powers of sin's series, from the eleventh down. */
const SINE = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1]

/**
 * sin(x) with `phase` 0, cos(x) with 0.5. Written out, for the functions of GPUs are right to three digits: x is less its
 * nearest multiple of pi, whose sign changes each time.
 */
export function wave(x: tf.Tensor, phase: 0 | 0.5): tf.Tensor {
  return tf.tidy(() => {
    const turns = tf.round(tf.sub(tf.div(x, Math.PI), phase))
    const centre = tf.add(turns, phase)
    const rest = tf.sub(tf.sub(x, tf.mul(centre, PI_HIGH)), tf.mul(centre, PI_LOW))
    const square = tf.square(rest)
    const series = SINE.reduce<tf.Tensor>((sum, factor) => tf.add(tf.mul(sum, square), factor), tf.zerosLike(x))
    const odd = tf.sub(turns, tf.mul(tf.floor(tf.div(turns, 2)), 2))
    const sign = tf.sub(1, tf.mul(odd, 2))
    return tf.mul(tf.mul(rest, series), phase === 0 ? sign : tf.neg(sign))
  })
}
