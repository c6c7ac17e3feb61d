import { OptionError } from '../../base/errors'
import { type Tensor, tensor } from '../../base/tensor'
import { softplus } from '../autodiff/activations'
import type { Primitives } from '../ops'
import { logitsOf } from './logits'

/** A batch of pairs, embedded. `n` pairs, `D` values an embedding, `K` hard negatives a pair. */
export interface LossBatch<T> {
  /** `[n, D]`, rows of length 1. */
  readonly textEmbeds: T
  /** `[n, D]`, rows of length 1. */
  readonly imageEmbeds: T
  /** Its exponential multiplies the cosines; a scalar. */
  readonly logitScale: T
  /** SigLIP's; a scalar. */
  readonly logitBias?: T
  /** `[n, n]`, symmetric: 1 where two pairs are positives of each other (each of itself), else 0. */
  readonly positives: T
  /** `[n]`: how much each pair counts; all the same unless given. */
  readonly weights?: T
  /** `[n, K, D]`: texts that are wrong for the picture of their pair, rows of length 1. */
  readonly hardNegatives?: T
  /** `[n, D]`: what the texts' embeddings should be (distillation). */
  readonly teacher?: T
}

/** A loss, a scalar. Written once over primitives: on a tape, it has gradients on every backend. */
export type TrainingLoss = <T>(ops: Primitives<T>, batch: LossBatch<T>) => T

/** The mean over rows `[n]`, by their weights. */
function meanOfRows<T>(ops: Primitives<T>, rows: T, weights: T | undefined): T {
  if (weights === undefined) return ops.mean(rows, [0])
  return ops.div(ops.sum(ops.mul(rows, weights), [0]), ops.sum(weights, [0]))
}

/** Cosines of each picture with its own hard negatives, times the scale: `[n, K]`. */
function hardLogits<T>(ops: Primitives<T>, negatives: T, imageEmbeds: T, logitScale: T): T {
  const each = ops.reshape(imageEmbeds, [0, 1, ops.dims(imageEmbeds).at(-1) as number])
  return ops.mul(ops.sum(ops.mul(negatives, each), [-1]), ops.exp(logitScale))
}

const negative = <T>(ops: Primitives<T>, x: T): T => ops.mul(x, ops.scalar(-1))

/** What a row is to be told as: uniform over its positives. */
const targetsOf = <T>(ops: Primitives<T>, positives: T): T => ops.div(positives, ops.sum(positives, [1], true))

/** log of what softmax gives the targets of each row, exact also where all values of a row are large: `[n]`. */
function crossEntropy<T>(ops: Primitives<T>, logits: T, targets: T): T {
  const lowered = ops.sub(logits, ops.max(logits, [-1], true))
  const logs = ops.sub(lowered, ops.log(ops.sum(ops.exp(lowered), [-1], true)))
  return ops.sum(ops.mul(targets, logs), [1])
}

/** log(sigmoid) of each logit, from all but the positives its contrary's: `[n]`, summed over rows. */
function pairwise<T>(ops: Primitives<T>, logits: T, positives: T): T {
  const signs = ops.sub(ops.mul(positives, ops.scalar(2)), ops.scalar(1))
  return ops.sum(logSigmoid(ops, ops.mul(logits, signs)), [1])
}
const logSigmoid = <T>(ops: Primitives<T>, x: T): T => negative(ops, softplus(ops, negative(ops, x)))

/**
 * CLIP's symmetric cross-entropy (Radford et al.; transformers' `clip_loss`). The target of a row is uniform over its
 * positives: with none but its own pair, it is PyTorch's and open_clip's loss. Hard negatives are further texts that a
 * picture must not be told by.
 */
export const clipTrainingLoss: TrainingLoss = (ops, batch) => {
  const { textEmbeds, imageEmbeds, logitScale, positives, weights, hardNegatives } = batch
  const targets = targetsOf(ops, positives)
  // Cross-entropy does not see what is added to a row: each side is compared with the other less its mean. Where
  // embeddings lie close together, as those of a new model do, cosines have few digits left after the common part.
  const side = (x: typeof textEmbeds, y: typeof textEmbeds, hard?: typeof textEmbeds) => {
    const mean = ops.mean(y, [0], true)
    const all = logitsOf(ops, x, ops.sub(y, mean), logitScale)
    if (hard === undefined) return crossEntropy(ops, all, targets)
    const more = hardLogits(ops, ops.sub(hard, mean), x, logitScale)
    const padded = ops.pad(targets, 1, 0, ops.dims(hard)[1] as number)
    return crossEntropy(ops, ops.concat([all, more], 1), padded)
  }
  const both = ops.add(side(textEmbeds, imageEmbeds), side(imageEmbeds, textEmbeds, hardNegatives))
  return ops.mul(meanOfRows(ops, both, weights), ops.scalar(-0.5))
}

/** CLIP's loss of logits `[n, n]`. Of embeddings, `clipTrainingLoss` has more digits. */
export function clipLossOfLogits<T>(ops: Primitives<T>, logits: T, positives: T): T {
  const targets = targetsOf(ops, positives)
  const both = [logits, ops.transpose(logits, [1, 0])].map((side) => crossEntropy(ops, side, targets)) as [T, T]
  return ops.mul(ops.mean(ops.add(...both), [0]), ops.scalar(-0.5))
}

/** SigLIP's sigmoid loss (Zhai et al.): each pair of a text and a picture is told by itself, positives from all others. */
export const siglipTrainingLoss: TrainingLoss = (ops, batch) => {
  const { textEmbeds, imageEmbeds, logitScale, logitBias, positives, weights, hardNegatives } = batch
  let rows = pairwise(ops, logitsOf(ops, textEmbeds, imageEmbeds, logitScale, logitBias), positives)
  if (hardNegatives !== undefined) {
    const hard = hardLogits(ops, hardNegatives, imageEmbeds, logitScale)
    const biased = logitBias === undefined ? hard : ops.add(hard, logitBias)
    rows = ops.add(rows, ops.sum(logSigmoid(ops, negative(ops, biased)), [1]))
  }
  return negative(ops, meanOfRows(ops, rows, weights))
}

/** SigLIP's loss of logits `[n, n]`, bias included. */
export const siglipLossOfLogits = <T>(ops: Primitives<T>, logits: T, positives: T): T =>
  negative(ops, ops.mean(pairwise(ops, logits, positives), [0]))

/** Each pair a positive of itself alone: `[n, n]`. */
export const diagonal = (n: number): Tensor<'float32'> =>
  tensor(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
  )

/** Squared distance of the texts' embeddings from another model's, the mean over all values (PyTorch's `MSELoss`). */
export const distillationLoss: TrainingLoss = (ops, { textEmbeds, teacher, weights }) => {
  if (teacher === undefined)
    throw new OptionError('no-teacher', 'distillationLoss: the batch has no vectors of a teacher. Give `teacher`.')
  const apart = ops.sub(textEmbeds, teacher)
  return meanOfRows(ops, ops.mean(ops.mul(apart, apart), [1]), weights)
}

/** The losses that have names. */
const NAMED = { clip: clipTrainingLoss, siglip: siglipTrainingLoss, distillation: distillationLoss }
export type LossName = keyof typeof NAMED

/** The loss of a name, or a function of the user's as it is. */
export function lossOf(loss: LossName | TrainingLoss): TrainingLoss {
  if (typeof loss === 'function') return loss
  if (Object.hasOwn(NAMED, loss)) return NAMED[loss]
  throw new OptionError(
    'bad-loss',
    `loss: ${JSON.stringify(loss)} is not known. Should be one of: ${Object.keys(NAMED).join(', ')}; or a function over ops.`,
  )
}

/** Several losses at once, each times its weight. */
export const weightedLosses =
  (losses: readonly (readonly [loss: TrainingLoss, weight: number])[]): TrainingLoss =>
  (ops, batch) =>
    losses
      .map(([loss, weight]) => ops.mul(loss(ops, batch), ops.scalar(weight)))
      .reduce((sum, part) => ops.add(sum, part))

/**
 * Matryoshka (Kusupati et al.): the same loss on the first values of the embeddings too, made length 1 again, so that a
 * search may keep only those.
 * @param sizes how many values, each up to D; D itself unless it is wanted no longer
 * @param weights of each size; 1 unless given
 */
export function matryoshkaLoss(
  loss: TrainingLoss,
  sizes: readonly number[],
  weights?: readonly number[],
): TrainingLoss {
  if (sizes.length === 0 || !sizes.every((size) => Number.isInteger(size) && size > 0))
    throw new OptionError(
      'bad-option',
      `matryoshkaLoss: sizes are [${sizes.join(', ')}]; positive integers are needed.`,
    )
  if (weights && weights.length !== sizes.length)
    throw new OptionError('bad-option', `matryoshkaLoss: ${weights.length} weights for ${sizes.length} sizes.`)
  return (ops, batch) => {
    const width = ops.dims(batch.textEmbeds).at(-1) as number
    const large = sizes.find((size) => size > width)
    if (large !== undefined)
      throw new OptionError('bad-option', `matryoshkaLoss: size ${large} is more than the ${width} values there are.`)
    const first = (x: typeof batch.textEmbeds, size: number) => {
      const part = ops.slice(x, -1, 0, size)
      return ops.div(part, ops.sqrt(ops.sum(ops.mul(part, part), [-1], true)))
    }
    const at = (size: number): typeof batch => ({
      ...batch,
      textEmbeds: first(batch.textEmbeds, size),
      imageEmbeds: first(batch.imageEmbeds, size),
      ...(batch.hardNegatives !== undefined && { hardNegatives: first(batch.hardNegatives, size) }),
    })
    return sizes
      .map((size, i) => ops.mul(loss(ops, at(size)), ops.scalar(weights?.[i] ?? 1)))
      .reduce((sum, part) => ops.add(sum, part))
  }
}
