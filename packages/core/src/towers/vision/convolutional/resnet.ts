import { ConfigError } from '../../../base/errors'
import { activationOf } from '../../../ops/activations'
import type { Scope } from '../../../ops/scope'
import { inLayer } from '../../blocks'
import { poolingOf } from '../../pooling'
import type { VisionTowerModule } from '../../tower'
import { batchesSeen, convolve, type ConvNorm } from './conv-norm'
import type { ResNetConfig } from './resnet.config'

interface Block {
  readonly steps: readonly ConvNorm[]
  readonly shortcut?: ConvNorm
}

/** A residual block: two steps, or three of which the middle one is narrow. */
function blockOf(w: Scope, config: ResNetConfig, from: number, to: number, stride: number): Block {
  const shortcut = from !== to || stride !== 1 ? { at: w.at('shortcut'), from, to, size: 1, stride } : undefined
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
function plan(w: Scope, config: ResNetConfig): { stem: ConvNorm; stages: Block[][] } {
  if (config.layerType !== 'basic' && config.layerType !== 'bottleneck')
    throw new ConfigError(
      'bad-config-value',
      `resnet config: layer_type is "${config.layerType}"; it must be "basic" or "bottleneck".`,
    )
  const { numChannels, embeddingSize, hiddenSizes, depths } = config
  const stem = { at: w.at('embedder.embedder'), from: numChannels, to: embeddingSize, size: 7, stride: 2 }
  const stages = hiddenSizes.map((size, index) => {
    const before = index === 0 ? embeddingSize : (hiddenSizes[index - 1] ?? 0)
    const stride = index > 0 || config.downsampleInFirstStage ? 2 : 1
    return Array.from({ length: depths[index] ?? 0 }, (_, layer) =>
      blockOf(
        w.at(`encoder.stages.${index}.layers.${layer}`),
        config,
        layer === 0 ? before : size,
        size,
        layer === 0 ? stride : 1,
      ),
    )
  })
  return { stem: { ...stem, activation: activationOf(config.hiddenAct) }, stages }
}

const stepsOf = ({ steps, shortcut }: Block): readonly ConvNorm[] => (shortcut ? [...steps, shortcut] : steps)

/** He et al.'s ResNet (transformers' `ResNetModel`). */
export const resnet: VisionTowerModule<ResNetConfig> = {
  kind: 'vision',
  modelType: 'resnet',
  imageSizes: () => 'any',
  mapPooler: true,
  idleParams(w, config) {
    const { stem, stages } = plan(w, config)
    return [stem, ...stages.flat().flatMap(stepsOf)].map(batchesSeen)
  },

  forward(ops, w, config, { pixelValues }, taps) {
    type T = typeof pixelValues
    const pooling = poolingOf(config, true)
    const activation = activationOf(config.hiddenAct)
    const { stem, stages } = plan(w, config)
    let x = ops.maxPool2d(convolve(ops, stem, pixelValues), { size: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] })
    const hiddenStates = [x]
    for (const blocks of stages) {
      for (const { steps, shortcut } of blocks) {
        const entering = x
        const compute = (): { readonly x: T } => {
          const y = steps.reduce((value, step) => convolve(ops, step, value), entering)
          const rest = shortcut ? convolve(ops, shortcut, entering) : entering
          return { x: ops.activation(ops.add(y, rest), activation) }
        }
        x = inLayer(ops, compute).x
      }
      hiddenStates.push(x)
    }
    // Its own pooled map has two axes of one place, what `pooling` takes has none.
    const pool = pooling === 'max' ? 'max' : 'mean'
    const poolerOutput = ops[pool](x, [2, 3], pooling === undefined)
    return { lastHiddenState: x, poolerOutput, ...(taps.hiddenStates ? { hiddenStates } : {}) }
  },
}
