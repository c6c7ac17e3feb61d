import { type Tensor, tensor } from '../base/tensor'
import { hostLogits, transposed } from '../ops/losses/logits'
import { type LossType, probabilitiesOf } from '../processor/post-process'
import type { Rows } from '../retrieval/dots'
import { rowsOf, unitRows } from './blocks'

/** The part of a model that is needed. */
export interface LogitModel {
  logitScale(): Promise<Tensor<'float32'>>
  logitBias(): Promise<Tensor<'float32'> | undefined>
  readonly config: { readonly loss: LossType }
}

/**
 * Probabilities `[N, M]` of texts for pictures that were embedded before: what `postProcess` makes of `forward`'s logits.
 * @param imageEmbeds `[N, D]`, rows of any length
 * @param textEmbeds `[M, D]`, rows of any length
 */
export async function labelProbabilities(
  model: LogitModel,
  imageEmbeds: Tensor,
  textEmbeds: Tensor,
): Promise<Tensor<'float32'>> {
  const images = unitRows(rowsOf('imageEmbeds', imageEmbeds))
  const texts = unitRows(rowsOf('textEmbeds', textEmbeds, images.size))
  const matrix = ({ data, count, size }: Rows) => tensor(data, [count, size])
  const [scale, bias] = [await model.logitScale(), await model.logitBias()]
  const logitsPerText = hostLogits(matrix(texts), matrix(images), scale, bias)
  return probabilitiesOf(transposed(logitsPerText), model.config.loss)
}
