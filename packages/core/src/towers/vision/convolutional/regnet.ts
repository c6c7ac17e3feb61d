import { ConfigError } from '../../../base/errors'
import { activationOf } from '../../../ops/activations'
import type { Ops, Projection } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'
import type { VisionTowerModule } from '../../tower'
import { convolve, type ConvNorm, kaimingStd } from './conv-norm'
import type { RegNetConfig } from './regnet.config'
import { idleResidual, type ResidualBlock, residualForward, stagesOf, widened } from './residual'

interface Block extends ResidualBlock {
  readonly steps: readonly [ConvNorm, ConvNorm, ConvNorm]
  /** Of the `y` layers: squeeze and excite behind the second step. */
  readonly gate?: readonly [reduce: Projection, excite: Projection]
}

/** A quarter as Python rounds it: halves to the even neighbour. */
function quarter(channels: number): number {
  const nearest = Math.round(channels / 4)
  return channels % 4 === 2 && nearest % 2 === 1 ? nearest - 1 : nearest
}

/** A 1x1 convolution, whose bias PyTorch draws by what goes in. */
function pointwise(w: Scope, from: number, to: number): Projection {
  const { weight } = w.convolution(from, to, [1, 1], { std: kaimingStd(to, 1) })
  return { weight, bias: w.param('bias', [to], { kind: 'uniform', std: (3 * from) ** -0.5 }) }
}

function blockOf(w: Scope, config: RegNetConfig, from: number, to: number, stride: number): Block {
  const activation = activationOf(config.hiddenAct)
  const gated = config.layerType === 'y'
  const attention = w.at('layer.2.attention')
  const narrow = quarter(from)
  return {
    shortcut: widened(w, from, to, stride),
    gate: gated ? [pointwise(attention.at('0'), to, narrow), pointwise(attention.at('2'), narrow, to)] : undefined,
    steps: [
      { at: w.at('layer.0'), from, to, size: 1, stride: 1, activation },
      {
        at: w.at('layer.1'),
        from: to,
        to,
        size: 3,
        stride,
        groups: Math.max(1, Math.floor(to / config.groupsWidth)),
        activation,
      },
      { at: w.at(gated ? 'layer.3' : 'layer.2'), from: to, to, size: 1, stride: 1 },
    ],
  }
}

/** The stem, and the blocks of each stage. */
function plan(w: Scope, config: RegNetConfig): { stem: ConvNorm; stages: Block[][] } {
  if (config.layerType !== 'x' && config.layerType !== 'y')
    throw new ConfigError(
      'bad-config-value',
      `regnet config: layer_type is "${config.layerType}"; it must be "x" or "y".`,
    )
  const { numChannels, embeddingSize } = config
  const stages = stagesOf(w, config, (at, from, to, stride) => blockOf(at, config, from, to, stride))
  const stem = { at: w.at('embedder.embedder'), from: numChannels, to: embeddingSize, size: 3, stride: 2 }
  return { stem: { ...stem, activation: activationOf(config.hiddenAct) }, stages }
}

function gated<T>(ops: Ops<T>, [reduce, excite]: readonly [Projection, Projection], x: T): T {
  const squeezed = ops.activation(ops.conv2d(ops.mean(x, [2, 3], true), reduce), 'relu')
  return ops.mul(x, ops.activation(ops.conv2d(squeezed, excite), 'sigmoid'))
}

/** Radosavovic et al.'s RegNet (transformers' `RegNetModel`). */
export const regnet: VisionTowerModule<RegNetConfig> = {
  kind: 'vision',
  modelType: 'regnet',
  imageSizes: () => 'any',
  mapPooler: true,
  idleParams(w, config) {
    const { stem, stages } = plan(w, config)
    return idleResidual(stem, stages)
  },

  forward(ops, w, config, { pixelValues }, taps) {
    const { stem, stages } = plan(w, config)
    const x = convolve(ops, stem, pixelValues)
    return residualForward(ops, config, stages, x, taps, ({ steps, gate }, entering) => {
      const wide = convolve(ops, steps[1], convolve(ops, steps[0], entering))
      return convolve(ops, steps[2], gate ? gated(ops, gate, wide) : wide)
    })
  },
}
