import { type DrawFactors, dropoutFactors, type DropoutOf } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'

/** Factors of one dropout, of rows from `firstRow` of the batch on. */
export const drawFactors =
  (seed: number, of: DropoutOf, firstRow = 0): DrawFactors<tf.Tensor> =>
  (index, dims, rate, tokens) =>
    tf.tensor(dropoutFactors({ seed, of, index, firstRow }, dims, rate, tokens), dims as number[])

/** The random factors of one training step, of one index after the other. */
export class DropoutMasks {
  #index = 0
  readonly #draw: DrawFactors<tf.Tensor>

  /** @param of each encoder draws by itself */
  constructor(seed: number, of: DropoutOf) {
    this.#draw = drawFactors(seed, of)
  }

  /** `shape` of 0 (at `rate`) and 1 / (1 - rate). */
  next(shape: readonly number[], rate: number): tf.Tensor {
    return this.#draw(++this.#index, shape, rate, 1)
  }
}
