import type { Activation } from '../../../ops/activations'
import { type BatchNorm, batchNorm } from '../../../ops/norms'
import type { Ops, Param } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'

/** A convolution with its batch norm: what ResNet and RegNet are made of. */
export interface ConvNorm {
  readonly at: Scope
  readonly from: number
  readonly to: number
  /** Side of the kernel. */
  readonly size: number
  readonly stride: number
  readonly groups?: number
  readonly activation?: Activation
}

/** Kaiming's normal for what goes out. */
export const kaimingStd = (to: number, size: number): number => (2 / (to * size * size)) ** 0.5

function batchNormAt(w: Scope, channels: number): BatchNorm {
  const zeros = { kind: 'zeros' } as const
  const ones = { kind: 'ones' } as const
  return {
    weight: w.param('weight', [channels], ones),
    bias: w.param('bias', [channels], zeros),
    mean: w.param('running_mean', [channels], zeros),
    variance: w.param('running_var', [channels], ones),
    eps: 1e-5,
  }
}

/** x `[B, from, H, W]` -> `[B, to, H', W']`, padded so that a stride of 1 keeps its size. */
export function convolve<T>(ops: Ops<T>, { at, from, to, size, stride, groups, activation }: ConvNorm, x: T): T {
  const pad = Math.floor(size / 2)
  const options = { bias: false, std: kaimingStd(to, size), groups }
  const layer = at.at('convolution').convolution(from, to, [size, size], options)
  const y = ops.conv2d(x, layer, { strides: [stride, stride], padding: [pad, pad, pad, pad], groups })
  const normed = batchNorm(ops, y, batchNormAt(at.at('normalization'), to))
  return activation ? ops.activation(normed, activation) : normed
}

/** How many batches its norm has seen: PyTorch's models want it, and nothing reads it. */
export const batchesSeen = ({ at }: ConvNorm): Param =>
  at.at('normalization').param('num_batches_tracked', [], { kind: 'zeros' })
