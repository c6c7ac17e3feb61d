import { dropoutFactors, type DropoutOf } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'

/** The random factors of one training step. */
export class DropoutMasks {
  #place = 0

  /** @param of each encoder draws by itself */
  constructor(
    private readonly seed: number,
    private readonly of: DropoutOf,
  ) {}

  /** `shape` of 0 (at `rate`) and 1 / (1 - rate). */
  next(shape: readonly number[], rate: number): tf.Tensor {
    const { seed, of } = this
    return tf.tensor(dropoutFactors({ seed, of, place: ++this.#place }, shape, rate), shape as number[])
  }
}
