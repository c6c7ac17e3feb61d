import type { Norm, Ops, Param } from './ops'

/** x over the root of its mean square along the last axis, times the weight. */
export function rmsNorm<T>(ops: Ops<T>, x: T, { weight, eps }: Norm): T {
  const square = ops.mean(ops.mul(x, x), [-1], true)
  return ops.mul(ops.div(x, ops.sqrt(ops.add(square, ops.scalar(eps)))), ops.param(weight))
}

/** `layerNorm` over the channels of a map x `[B, C, H, W]`. */
export function channelNorm<T>(ops: Ops<T>, x: T, norm: Norm): T {
  return ops.transpose(ops.layerNorm(ops.transpose(x, [0, 2, 3, 1]), norm), [0, 3, 1, 2])
}

/** `[C]` each. */
export interface BatchNorm extends Required<Pick<Norm, 'weight' | 'bias' | 'eps'>> {
  readonly mean: Param
  readonly variance: Param
}

/** Batch norm of a map x `[B, C, H, W]` by the statistics that training left, as in inference. */
export function batchNorm<T>(ops: Ops<T>, x: T, { weight, bias, mean, variance, eps }: BatchNorm): T {
  const factor = ops.div(ops.param(weight), ops.sqrt(ops.add(ops.param(variance), ops.scalar(eps))))
  const offset = ops.sub(ops.param(bias), ops.mul(ops.param(mean), factor))
  const perChannel = (value: T): T => ops.reshape(value, [-1, 1, 1])
  return ops.add(ops.mul(x, perChannel(factor)), perChannel(offset))
}
