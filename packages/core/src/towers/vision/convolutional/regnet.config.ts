import { configClass } from '../../../base/pretrained-config'
import type { Pooling } from '../../tower'

/** What other towers' configs hold and this one does not: its checkpoints saw 224 pixels, and any size is taken. */
const FIXED = { imageSize: 224, patchSize: 1, initializerRange: 0.02 }

/** transformers' `RegNetConfig`. */
export class RegNetConfig
  extends /* @__PURE__ */ configClass('regnet', {
    numChannels: 3,
    embeddingSize: 32,
    hiddenSizes: [128, 192, 512, 1088] as readonly number[],
    depths: [2, 6, 12, 2] as readonly number[],
    groupsWidth: 64,
    layerType: 'y',
    hiddenAct: 'relu',
    downsampleInFirstStage: true,
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
