import { type Activation, activationOf } from '../../../ops/activations'
import { channelNorm } from '../../../ops/norms'
import type { Norm, Ops, Param } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'
import { entered, inLayer } from '../../blocks'
import { pairOf } from '../../grid'
import { poolingOf } from '../../pooling'
import type { Taps, TowerOutput, VisionConfig, VisionInputs, VisionTowerModule } from '../../tower'
import type { CONVNEXT_DEFAULTS, ConvNextConfig, ConvNextV2Config } from './convnext.config'

/** `layerScaleInitValue` of the first version alone. */
type ConvNextLike = typeof CONVNEXT_DEFAULTS & VisionConfig & { readonly layerScaleInitValue?: number }

/** Of all norms but the last, where the config does not say. */
const EPS = 1e-6

/** Each channel by its strength over the whole picture, beside the others' (transformers' `ConvNextV2GRN`). */
function responseNorm<T>(ops: Ops<T>, w: Scope, channels: number, x: T): T {
  const zeros = { kind: 'zeros' } as const
  const [weight, bias] = ['weight', 'bias'].map((name) => ops.param(w.param(name, [1, 1, 1, channels], zeros))) as [
    T,
    T,
  ]
  const strength = ops.sqrt(ops.sum(ops.mul(x, x), [1, 2], true))
  const relative = ops.div(strength, ops.add(ops.mean(strength, [-1], true), ops.scalar(1e-6)))
  return ops.add(ops.add(ops.mul(ops.mul(x, relative), weight), bias), x)
}

interface LayerNames {
  readonly depthwise: string
  readonly norm: string
  readonly widen: string
  readonly narrow: string
}

const NAMES: LayerNames = { depthwise: 'dwconv', norm: 'layernorm', widen: 'pwconv1', narrow: 'pwconv2' }

interface LayerOptions {
  readonly channels: number
  readonly eps: number
  readonly activation: Activation
  readonly dropPath: number
  readonly scale?: Param
  /** Of the second version. */
  readonly responds?: boolean
  readonly names?: LayerNames
}

/** x `[B, C, H, W]`: a depthwise convolution, then an MLP of each position. */
export function convnextLayer<T>(ops: Ops<T>, w: Scope, options: LayerOptions, x: T): T {
  const { channels, eps, activation, dropPath, scale, responds = false, names = NAMES } = options
  const hidden = 4 * channels
  const layer = w.at(names.depthwise).convolution(channels, channels, [7, 7], { groups: channels })
  const depthwise = ops.conv2d(x, layer, { padding: [3, 3, 3, 3], groups: channels })
  const norm = w.at(names.norm).norm(channels, eps)
  const normed = ops.layerNorm(ops.transpose(depthwise, [0, 2, 3, 1]), norm)
  const widened = ops.linear(normed, w.at(names.widen).linear(channels, hidden), activation)
  const answered = responds ? responseNorm(ops, w.at('grn'), hidden, widened) : widened
  const y = ops.linear(answered, { ...w.at(names.narrow).linear(hidden, channels), scale })
  return ops.add(x, ops.dropPath(ops.transpose(y, [0, 3, 1, 2]), dropPath))
}

function convnextForward<T>(
  ops: Ops<T>,
  w: Scope,
  config: ConvNextLike,
  { pixelValues }: VisionInputs<T>,
  taps: Taps,
): TowerOutput<T> {
  const { hiddenSizes, depths, numStages, hiddenSize, layerScaleInitValue: initial } = config
  const pooling = poolingOf(config, true)
  const patch = pairOf(config.patchSize)
  const [first = 0] = hiddenSizes
  const embeddings = w.at('embeddings')
  const norm = (scope: Scope, channels: number): Norm => scope.norm(channels, config.normEps ?? EPS)
  const patches = ops.conv2d(pixelValues, embeddings.at('patch_embeddings').patches(config.numChannels, first, patch), {
    strides: patch,
  })
  let x = channelNorm(ops, patches, norm(embeddings.at('layernorm'), first))
  const hiddenStates = [x]
  const count = depths.reduce((sum, depth) => sum + depth, 0)
  let before = 0
  for (let index = 0; index < numStages; index++) {
    const stage = w.at(`encoder.stages.${index}`)
    const [from, to] = [hiddenSizes[Math.max(index - 1, 0)] ?? 0, hiddenSizes[index] ?? 0]
    if (index > 0) {
      const normed = channelNorm(ops, x, norm(stage.at('downsampling_layer.0'), from))
      x = ops.conv2d(normed, stage.at('downsampling_layer.1').convolution(from, to, [2, 2]), { strides: [2, 2] })
    }
    for (let layer = 0; layer < (depths[index] ?? 0); layer++) {
      const at = stage.at(`layers.${layer}`)
      const entering = entered(ops, before, x)
      const options: LayerOptions = {
        channels: to,
        eps: config.normEps ?? EPS,
        activation: activationOf(config.hiddenAct),
        dropPath: (config.dropPathRate * before++) / Math.max(count - 1, 1),
        scale: initial ? at.param('layer_scale_parameter', [to], { kind: 'constant', value: initial }) : undefined,
        responds: initial === undefined,
      }
      x = inLayer(ops, () => ({ x: convnextLayer(ops, at, options, entering) })).x
    }
    hiddenStates.push(x)
  }
  x = entered(ops, before, x)
  const pooled = pooling === 'max' ? ops.max(x, [2, 3]) : ops.mean(x, [2, 3])
  return {
    lastHiddenState: x,
    poolerOutput: ops.layerNorm(pooled, w.at('layernorm').norm(hiddenSize, config.layerNormEps)),
    ...(taps.hiddenStates ? { hiddenStates } : {}),
  }
}

const SHARED = {
  kind: 'vision',
  imageSizes: () => 'any' as const,
  smallestImage({ patchSize, numStages }: ConvNextLike): readonly [number, number] {
    const [height, width] = pairOf(patchSize)
    return [height * 2 ** (numStages - 1), width * 2 ** (numStages - 1)]
  },
} as const

/** Liu et al.'s ConvNeXt (transformers' `ConvNextModel`). */
export const convnext: VisionTowerModule<ConvNextConfig> = {
  ...SHARED,
  modelType: 'convnext',
  forward: (ops, w, config, inputs, taps) => convnextForward(ops, w, config, inputs, taps),
}

/** Woo et al.'s ConvNeXt V2 (transformers' `ConvNextV2Model`). */
export const convnextv2: VisionTowerModule<ConvNextV2Config> = {
  ...SHARED,
  modelType: 'convnextv2',
  forward: (ops, w, config, inputs, taps) => convnextForward(ops, w, config, inputs, taps),
}
