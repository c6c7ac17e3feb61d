import type { DrawFactors, Tape } from '../../ops/autodiff/tape'
import type { Traced } from '../../ops/autodiff/record'
import type { DropoutOf } from '../../ops/dropout'
import { lossOfEmbeds } from '../../ops/losses/losses'
import { lossOpsOf } from '../../ops/losses/of-ops'
import type { DualEncoderConfig } from '../dual-encoder-config'
import { type Batch, encode, type EncoderSpec } from '../encoder'
import { logitParams } from '../load'

/** What one encoder is given, or its embeddings `[B, D]` where they are known: a locked tower's. */
export type Side<T> = Batch<T> | { readonly embeds: T }

export interface Objective<T> {
  /** Default: the family's. */
  readonly loss?: 'clip' | 'siglip'
  /** How each encoder drops; not at all unless given. */
  readonly draw?: (of: DropoutOf) => DrawFactors<T>
}

/** What an objective needs of a model. */
export interface ObjectiveModel {
  readonly config: DualEncoderConfig
  readonly text: EncoderSpec
  readonly vision: EncoderSpec
}

/** Embeddings of one side, and with them dropout as while training. */
export function embedsOnTape<T>(
  tape: Tape<T>,
  encoder: EncoderSpec,
  side: Side<Traced<T>>,
  draw: Objective<T>['draw'],
): Traced<T> {
  if ('embeds' in side) return side.embeds
  tape.dropBy(draw?.(encoder.kind))
  // While training every token goes through the last layer, so that a seed drops the same wherever the model runs.
  const { embeds } = encode(tape, encoder, side, { embeds: true, lastHiddenState: draw !== undefined })
  return embeds as Traced<T>
}

/** The loss of matching rows of both encoders, on a tape that then has its gradient. */
export function lossOnTape<T>(
  tape: Tape<T>,
  model: ObjectiveModel,
  sides: { readonly texts: Side<Traced<T>>; readonly images: Side<Traced<T>> },
  { loss, draw }: Objective<T>,
): Traced<T> {
  const text = embedsOnTape(tape, model.text, sides.texts, draw)
  const image = embedsOnTape(tape, model.vision, sides.images, draw)
  return lossOfRows(tape, model.config, loss, { text, image })
}

/** The loss of embeddings. */
export function lossOfRows<T>(
  tape: Tape<T>,
  config: DualEncoderConfig,
  loss: Objective<T>['loss'],
  embeds: { readonly text: Traced<T>; readonly image: Traced<T> },
): Traced<T> {
  const [scale, bias] = logitParams(config).map((param) => tape.param(param))
  return lossOfEmbeds(lossOpsOf(tape), loss ?? config.family.loss, embeds, scale as Traced<T>, bias)
}
