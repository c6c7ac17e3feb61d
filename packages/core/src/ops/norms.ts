import type { Norm, Ops } from './ops'

/** x over the root of its mean square along the last axis, times the weight. */
export function rmsNorm<T>(ops: Ops<T>, x: T, { weight, eps }: Norm): T {
  const square = ops.mean(ops.mul(x, x), [-1], true)
  return ops.mul(ops.div(x, ops.sqrt(ops.add(square, ops.scalar(eps)))), ops.param(weight))
}
