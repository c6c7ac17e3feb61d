import type { Primitives } from '@dual-encoder/core/backend'
import { scaled } from './scalars'

/** Euclidean length of all gradients together, a scalar. */
export function globalNorm<T>(ops: Primitives<T>, grads: readonly T[]): T {
  // Row by row first: sums of millions of values in one go have fewer digits.
  const squares = grads.map((grad) => {
    const rank = ops.dims(grad).length
    const ofRows = ops.sum(ops.mul(grad, grad), rank > 0 ? [-1] : [])
    return rank > 1 ? ops.sum(ofRows, [...Array(rank - 1).keys()]) : ofRows
  })
  return ops.sqrt(squares.reduce((a, b) => ops.add(a, b)))
}

/** What gradients of this length together have to be multiplied by, to be no longer than `maxNorm`: a scalar. */
export function clipScale<T>(ops: Primitives<T>, norm: T, maxNorm: number): T {
  const excess = scaled(ops, ops.add(norm, ops.scalar(1e-6)), 1 / maxNorm)
  return ops.div(ops.scalar(1), ops.maximum(excess, ops.scalar(1)))
}

/** Gradients scaled so that they are together no longer than `maxNorm` (PyTorch's `clip_grad_norm_`), and how long they were. */
export function clipByNorm<T>(ops: Primitives<T>, grads: readonly T[], maxNorm: number): { grads: T[]; norm: T } {
  const norm = globalNorm(ops, grads)
  const scale = clipScale(ops, norm, maxNorm)
  return { grads: grads.map((grad) => ops.mul(grad, scale)), norm }
}

/** The largest `logit_scale`: similarities are multiplied by no more than 100 (CLIP). */
const MAX_LOGIT_SCALE = Math.log(100)

/** `logit_scale` within [0, ln 100], as after each step. */
export function clampLogitScale<T>(ops: Primitives<T>, logitScale: T): T {
  const atLeast = ops.maximum(logitScale, ops.scalar(0))
  // The smaller of the two: the operators have only the larger.
  return scaled(ops, ops.maximum(scaled(ops, atLeast, -1), ops.scalar(-MAX_LOGIT_SCALE)), -1)
}
