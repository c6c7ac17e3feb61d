/** What the losses need of a backend. `T` is its tensor; all are differentiable where the backend is. */
export interface LossOps<T> {
  /** Rows of a matrix. */
  rows(x: T): number
  /** `[m, k]` x `[n, k]`ᵀ -> `[m, n]`. */
  matMulTransposed(a: T, b: T): T
  transposed(x: T): T
  exp(x: T): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  scale(x: T, factor: number): T
  /** log(softmax(row)) of each row, exact also where all values of a row are large. */
  logSoftmax(x: T): T
  /** log(sigmoid(x)), safe for large values. */
  logSigmoid(x: T): T
  /** `[n, n]` -> `[n]` */
  diagonal(x: T): T
  /** 2 * identity - 1, `[n, n]`: +1 for pairs, -1 for all others. */
  pairSigns(n: number): T
  /** Rows less their mean. */
  centred(x: T): T
  /** Of all values, a scalar. */
  mean(x: T): T
  sum(x: T): T
}

/** Cosine similarities times exp(logitScale), `[texts, images]`. Embeddings are normalised. */
function similarity<T>(ops: LossOps<T>, textEmbeds: T, imageEmbeds: T, logitScale: T): T {
  return ops.mul(ops.matMulTransposed(textEmbeds, imageEmbeds), ops.exp(logitScale))
}

/** `logits_per_text` `[texts, images]`: similarities, and the bias where the family has one. */
export function logitsOf<T>(ops: LossOps<T>, textEmbeds: T, imageEmbeds: T, logitScale: T, logitBias?: T): T {
  const logits = similarity(ops, textEmbeds, imageEmbeds, logitScale)
  return logitBias === undefined ? logits : ops.add(logits, logitBias)
}

/** Cross-entropy with the diagonal as targets. */
const contrastive = <T>(ops: LossOps<T>, logits: T): T => ops.scale(ops.mean(ops.diagonal(ops.logSoftmax(logits))), -1)

/** CLIP's symmetric cross-entropy over `[n, n]` logits, a scalar (Radford et al.; transformers' `clip_loss`). */
export function clipLoss<T>(ops: LossOps<T>, logitsPerText: T): T {
  return ops.scale(ops.add(contrastive(ops, logitsPerText), contrastive(ops, ops.transposed(logitsPerText))), 0.5)
}

/**
 * `clipLoss` of the logits, for its gradient. Cross-entropy does not see what is added to a row, so either side is
 * compared with the other less its mean: where embeddings lie close together, as those of a new model do, their
 * similarities have few digits left in float32 after the common part.
 */
function clipLossOfEmbeds<T>(ops: LossOps<T>, textEmbeds: T, imageEmbeds: T, logitScale: T): T {
  const side = (x: T, y: T) => contrastive(ops, similarity(ops, x, ops.centred(y), logitScale))
  return ops.scale(ops.add(side(textEmbeds, imageEmbeds), side(imageEmbeds, textEmbeds)), 0.5)
}

/** SigLIP's pairwise sigmoid loss over `[n, n]` logits, bias included, a scalar (Zhai et al.; `SiglipModel`). */
export function siglipLoss<T>(ops: LossOps<T>, logitsPerText: T): T {
  const n = ops.rows(logitsPerText)
  return ops.scale(ops.sum(ops.logSigmoid(ops.mul(logitsPerText, ops.pairSigns(n)))), -1 / n)
}

/** The losses of logits by the names that families give. */
export const LOSSES = { clip: clipLoss, siglip: siglipLoss }

/** A family's loss of embeddings, for its gradient. */
export function lossOfEmbeds<T>(
  ops: LossOps<T>,
  loss: keyof typeof LOSSES,
  embeds: { readonly text: T; readonly image: T },
  logitScale: T,
  logitBias?: T,
): T {
  return loss === 'clip'
    ? clipLossOfEmbeds(ops, embeds.text, embeds.image, logitScale)
    : LOSSES[loss](ops, logitsOf(ops, embeds.text, embeds.image, logitScale, logitBias))
}
