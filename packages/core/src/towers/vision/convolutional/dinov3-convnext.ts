import { activationOf } from '../../../ops/activations'
import { channelNorm } from '../../../ops/norms'
import type { Ops } from '../../../ops/ops'
import type { Scope } from '../../../ops/scope'
import { entered, inLayer, pool } from '../../blocks'
import type { TowerNames, VisionTowerModule } from '../../tower'
import { convnextLayer } from './convnext'
import type { DINOv3ConvNextConfig } from './dinov3-convnext.config'

const NAMES = { depthwise: 'depthwise_conv', norm: 'layer_norm', widen: 'pointwise_conv1', narrow: 'pointwise_conv2' }

/** Python's `state_dict()` has a level more; and `gamma`, in a BERT's checkpoint a norm's old name, is layer scale here. */
const NAMES_READ: TowerNames = [
  [/^model\.(?=stages\.)/, ''],
  [/(?<=^stages\.\d+\.layers\.\d+\.)weight$/, 'gamma'],
]

/** What enters stage `index`: of the first 4x4 patches, normalised; of the others what was normalised, halved. */
function downsampled<T>(ops: Ops<T>, w: Scope, config: DINOv3ConvNextConfig, index: number, x: T): T {
  const { numChannels, hiddenSizes, layerNormEps: eps } = config
  const [from, to] = [hiddenSizes[index - 1] ?? numChannels, hiddenSizes[index] ?? 0]
  const convolve = (name: string, size: number, y: T): T =>
    ops.conv2d(y, w.at(name).convolution(from, to, [size, size]), { strides: [size, size] })
  return index === 0
    ? channelNorm(ops, convolve('0', config.patchSize, x), w.at('1').norm(to, eps))
    : convolve('1', 2, channelNorm(ops, x, w.at('0').norm(from, eps)))
}

/** DINOv3's ConvNeXt (transformers' `DINOv3ConvNextModel`): the mean of the map is its class token. */
export const dinov3ConvNext: VisionTowerModule<DINOv3ConvNextConfig> = {
  kind: 'vision',
  modelType: 'dinov3_convnext',
  otherNames: NAMES_READ,
  imageSizes: () => 'any',
  smallestImage({ patchSize, hiddenSizes }) {
    const side = patchSize * 2 ** (hiddenSizes.length - 1)
    return [side, side]
  },
  forward(ops, w, config, { pixelValues }, taps) {
    const { hiddenSizes, hiddenSize, depths, layerNormEps: eps, layerScaleInitValue: value } = config
    const count = depths.reduce((sum, depth) => sum + depth, 0)
    let x = pixelValues
    const hiddenStates = [x]
    let before = 0
    for (const [index, channels] of hiddenSizes.entries()) {
      const stage = w.at(`stages.${index}`)
      x = downsampled(ops, stage.at('downsample_layers'), config, index, x)
      for (let layer = 0; layer < (depths[index] ?? 0); layer++) {
        const at = stage.at(`layers.${layer}`)
        const entering = entered(ops, before, x)
        const options = {
          channels,
          eps,
          activation: activationOf(config.hiddenAct),
          dropPath: (config.dropPathRate * before++) / Math.max(count - 1, 1),
          scale: at.param('gamma', [channels], { kind: 'constant', value }),
          names: NAMES,
        } as const
        x = inLayer(ops, () => ({ x: convnextLayer(ops, at, options, entering) })).x
      }
      hiddenStates.push(x)
    }
    x = entered(ops, before, x)
    const patches = ops.reshape(ops.transpose(x, [0, 2, 3, 1]), [0, -1, hiddenSize])
    const token = ops.reshape(ops.mean(x, [2, 3]), [0, 1, hiddenSize])
    const last = ops.layerNorm(ops.concatTokens([token, patches]), w.at('layer_norm').norm(hiddenSize, eps))
    return {
      lastHiddenState: last,
      poolerOutput: pool(ops, config.pooling ?? 'cls', last, { prefix: 1 }),
      ...(taps.hiddenStates ? { hiddenStates } : {}),
    }
  },
}
