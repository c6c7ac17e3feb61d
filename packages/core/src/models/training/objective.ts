import type { DrawFactors, Tape } from '../../ops/autodiff/tape'
import type { Traced } from '../../ops/autodiff/record'
import type { DropoutOf } from '../../ops/dropout'
import { diagonal, type LossName, lossOf, type TrainingLoss } from '../../ops/losses/training'
import type { Param, Primitives } from '../../ops/ops'
import type { DualEncoderConfig } from '../dual-encoder-config'
import { type Batch, encode, type EncoderSpec } from '../encoder'
import { logitParams } from '../load'

/** What one encoder is given, or its embeddings `[B, D]` where they are known: a locked tower's. */
export type Side<T> = Batch<T> | { readonly embeds: T }

export interface Objective<T> {
  /** Default: the family's. */
  readonly loss?: LossName | TrainingLoss
  /** `logit_bias`, of a model whose family has none. */
  readonly ownBias?: Param
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
  return encode(tape, encoder, side, { embeds: true }).embeds as Traced<T>
}

/** Embeddings of a batch's rows, and how they belong together. */
export interface LossRows<T> {
  /** `[n, D]`; the hard negatives of each pair behind them, `[n + n K, D]`. */
  readonly text: T
  /** `[n, D]` */
  readonly image: T
  /** `[n, n]`; each pair of itself alone unless given. */
  readonly positives?: T
  /** `[n]` */
  readonly weights?: T
}

/** The loss of matching rows of both encoders, on a tape that then has its gradient. */
export function lossOnTape<T>(
  tape: Tape<T>,
  model: ObjectiveModel,
  sides: { readonly texts: Side<Traced<T>>; readonly images: Side<Traced<T>> },
  beside: Pick<LossRows<Traced<T>>, 'positives' | 'weights'>,
  objective: Objective<T>,
): Traced<T> {
  const text = embedsOnTape(tape, model.text, sides.texts, objective.draw)
  const image = embedsOnTape(tape, model.vision, sides.images, objective.draw)
  const { loss, ownBias } = objective
  return lossOfRows<Traced<T>>(tape, model.config, { ...beside, text, image }, { loss, ownBias })
}

/** The loss of embeddings. */
export function lossOfRows<T>(
  ops: Primitives<T>,
  config: DualEncoderConfig,
  { text, image, positives, weights }: LossRows<T>,
  { loss = config.loss, ownBias }: Pick<Objective<T>, 'loss' | 'ownBias'> = {},
): T {
  const [scale, bias = ownBias] = logitParams(config)
  const [n, size] = ops.dims(image) as [number, number]
  const texts = ops.dims(text)[0] as number
  return lossOf(loss)(ops, {
    textEmbeds: ops.slice(text, 0, 0, n),
    imageEmbeds: image,
    ...(texts > n && { hardNegatives: ops.reshape(ops.slice(text, 0, n), [n, texts / n - 1, size]) }),
    teacher: image,
    logitScale: ops.param(scale as Param),
    ...(bias && { logitBias: ops.param(bias) }),
    positives: positives ?? ops.constant(diagonal(n)),
    ...(weights && { weights }),
  })
}
