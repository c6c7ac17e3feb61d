import { ConfigError } from '../../../base/errors'
import { activationOf } from '../../../ops/activations'
import type { Scope } from '../../../ops/scope'
import type { VisionTowerModule } from '../../tower'
import { convolve, type ConvNorm } from './conv-norm'
import { idleResidual, type ResidualBlock, residualForward, stagesOf, widened } from './residual'
import type { ResNetConfig } from './resnet.config'

/** A residual block: two steps, or three of which the middle one is narrow. */
function blockOf(w: Scope, config: ResNetConfig, from: number, to: number, stride: number): ResidualBlock {
  const shortcut = widened(w, from, to, stride)
  const step = (index: number) => w.at(`layer.${index}`)
  // transformers takes hidden_act for the sum and the stem alone.
  const activation = 'relu'
  if (config.layerType === 'basic')
    return {
      shortcut,
      steps: [
        { at: step(0), from, to, size: 3, stride, activation },
        { at: step(1), from: to, to, size: 3, stride: 1 },
      ],
    }
  const narrow = Math.floor(to / 4)
  const early = config.downsampleInBottleneck
  return {
    shortcut,
    steps: [
      { at: step(0), from, to: narrow, size: 1, stride: early ? stride : 1, activation },
      { at: step(1), from: narrow, to: narrow, size: 3, stride: early ? 1 : stride, activation },
      { at: step(2), from: narrow, to, size: 1, stride: 1 },
    ],
  }
}

/** The stem, and the blocks of each stage. */
function plan(w: Scope, config: ResNetConfig): { stem: ConvNorm; stages: ResidualBlock[][] } {
  if (config.layerType !== 'basic' && config.layerType !== 'bottleneck')
    throw new ConfigError(
      'bad-config-value',
      `resnet config: layer_type is "${config.layerType}"; it must be "basic" or "bottleneck".`,
    )
  const { numChannels, embeddingSize } = config
  const stem = { at: w.at('embedder.embedder'), from: numChannels, to: embeddingSize, size: 7, stride: 2 }
  const stages = stagesOf(w, config, (at, from, to, stride) => blockOf(at, config, from, to, stride))
  return { stem: { ...stem, activation: activationOf(config.hiddenAct) }, stages }
}

/** He et al.'s ResNet (transformers' `ResNetModel`). */
export const resnet: VisionTowerModule<ResNetConfig> = {
  kind: 'vision',
  modelType: 'resnet',
  imageSizes: () => 'any',
  mapPooler: true,
  idleParams(w, config) {
    const { stem, stages } = plan(w, config)
    return idleResidual(stem, stages)
  },

  forward(ops, w, config, { pixelValues }, taps) {
    const { stem, stages } = plan(w, config)
    const x = ops.maxPool2d(convolve(ops, stem, pixelValues), { size: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] })
    return residualForward(ops, config, stages, x, taps, ({ steps }, entering) =>
      steps.reduce((value, step) => convolve(ops, step, value), entering),
    )
  },
}
