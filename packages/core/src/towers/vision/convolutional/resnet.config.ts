import { configClass } from '../../../base/pretrained-config'
import type { Pooling } from '../../tower'

/** What other towers' configs hold and this one does not: its checkpoints saw 224 pixels, and any size is taken. */
const FIXED = { imageSize: 224, patchSize: 1, initializerRange: 0.02 }

/** transformers' `ResNetConfig`. */
export class ResNetConfig
  extends /* @__PURE__ */ configClass('resnet', {
    numChannels: 3,
    embeddingSize: 64,
    hiddenSizes: [256, 512, 1024, 2048] as readonly number[],
    depths: [3, 4, 6, 3] as readonly number[],
    layerType: 'bottleneck',
    hiddenAct: 'relu',
    downsampleInFirstStage: false,
    downsampleInBottleneck: false,
    pooling: undefined as Pooling | undefined,
  })
{
  get hiddenSize(): number {
    return this.hiddenSizes.at(-1) ?? 0
  }
  get imageSize(): number {
    return FIXED.imageSize
  }
  get patchSize(): number {
    return FIXED.patchSize
  }
  get initializerRange(): number {
    return FIXED.initializerRange
  }
}
