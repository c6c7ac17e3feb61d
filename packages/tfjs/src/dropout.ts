import { sizeOf, scramble } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'

/**
 * The random masks of one training step. Each is made on the host from the seed and its own number,
 * so a seed gives the same masks on every backend.
 */
export class DropoutMasks {
  readonly #seed: number
  #drawn = 0

  /** @param encoder each draws masks of its own */
  constructor(seed: number, encoder: 'vision' | 'text') {
    this.#seed = scramble(seed) ^ (encoder === 'vision' ? 1 : 0)
  }

  /** `shape` of 0 (at `rate`) and 1 / (1 - rate). */
  next(shape: readonly number[], rate: number): tf.Tensor {
    const data = new Float32Array(sizeOf(shape))
    const stream = scramble(this.#seed ^ Math.imul(++this.#drawn, 0x9e3779b9))
    const limit = rate * 0x100000000
    const kept = rate < 1 ? 1 / (1 - rate) : 0
    for (let i = 0; i < data.length; i++) if (scramble(stream + Math.imul(i, 0x9e3779b9)) >= limit) data[i] = kept
    return tf.tensor(data, shape as number[])
  }
}
