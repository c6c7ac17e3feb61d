import type { Tensor } from '../base/tensor'

/** transformers' `BaseModelOutputWithPooling`. */
export interface TowerModelOutput {
  /** `[B, L, D]` */
  readonly lastHiddenState: Tensor
  /** `[B, D]` */
  readonly poolerOutput: Tensor
  /** The embeddings, then each layer's output, `[B, L, D]` each. */
  readonly hiddenStates?: readonly Tensor[]
  /** Each layer's probabilities, `[B, heads, L, L]`. */
  readonly attentions?: readonly Tensor[]
}

/** transformers' `CLIPOutput`. */
export interface DualEncoderOutput {
  /** CLIP's loss, with `returnLoss`; a scalar, dims `[]`. */
  readonly loss?: Tensor
  /** `[images, texts]` */
  readonly logitsPerImage: Tensor
  /** `[texts, images]` */
  readonly logitsPerText: Tensor
  /** `[texts, projectionDim]`, normalised. */
  readonly textEmbeds: Tensor
  /** `[images, projectionDim]`, normalised. */
  readonly imageEmbeds: Tensor
  readonly textModelOutput: TowerModelOutput
  readonly visionModelOutput: TowerModelOutput
}

/** `returnTuple` of one tower. */
export type TowerTuple = readonly (Tensor | readonly Tensor[])[]

/** `returnTuple`: the values in transformers' order, those that are absent left out. */
export type DualEncoderTuple = readonly (Tensor | TowerTuple)[]

const towerTuple = (output: TowerModelOutput): TowerTuple =>
  [output.lastHiddenState, output.poolerOutput, output.hiddenStates, output.attentions].filter(
    (value) => value !== undefined,
  )

export function toTuple(output: DualEncoderOutput): DualEncoderTuple {
  const { loss, logitsPerImage, logitsPerText, textEmbeds, imageEmbeds } = output
  return [
    ...(loss ? [loss] : []),
    logitsPerImage,
    logitsPerText,
    textEmbeds,
    imageEmbeds,
    towerTuple(output.textModelOutput),
    towerTuple(output.visionModelOutput),
  ]
}
