import type { Primitives } from '@dual-encoder/core/backend'
import { scaled } from './scalars'

/** Euclidean length of all gradients together, a scalar. */
export function globalNorm<T>(ops: Primitives<T>, grads: readonly T[]): T {
  const squares = grads.map((grad) =>
    ops.sum(
      ops.mul(grad, grad),
      ops.dims(grad).map((_, axis) => axis),
    ),
  )
  return ops.sqrt(squares.reduce((a, b) => ops.add(a, b)))
}

/** Gradients scaled so that they are together no longer than `maxNorm` (PyTorch's `clip_grad_norm_`), and how long they were. */
export function clipByNorm<T>(ops: Primitives<T>, grads: readonly T[], maxNorm: number): { grads: T[]; norm: T } {
  const norm = globalNorm(ops, grads)
  const excess = scaled(ops, ops.add(norm, ops.scalar(1e-6)), 1 / maxNorm)
  const shrink = ops.div(ops.scalar(1), ops.maximum(excess, ops.scalar(1)))
  return { grads: grads.map((grad) => ops.mul(grad, shrink)), norm }
}

/** The largest `logit_scale`: similarities are multiplied by no more than 100 (CLIP). */
const MAX_LOGIT_SCALE = Math.log(100)

/** `logit_scale` within [0, ln 100], as after each step. */
export function clampLogitScale<T>(ops: Primitives<T>, logitScale: T): T {
  const atLeast = ops.maximum(logitScale, ops.scalar(0))
  // The smaller of the two: the operators have only the larger.
  return scaled(ops, ops.maximum(scaled(ops, atLeast, -1), ops.scalar(-MAX_LOGIT_SCALE)), -1)
}
