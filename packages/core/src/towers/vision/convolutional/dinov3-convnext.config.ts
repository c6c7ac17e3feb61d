import { configClass } from '../../../base/pretrained-config'
import type { Pooling } from '../../tower'

/** What other towers' configs hold and this one does not: the side of its first patches. */
const FIXED = { patchSize: 4 }

/** transformers' `DINOv3ConvNextConfig`. */
export class DINOv3ConvNextConfig
  extends /* @__PURE__ */ configClass('dinov3_convnext', {
    numChannels: 3,
    hiddenSizes: [96, 192, 384, 768] as readonly number[],
    depths: [3, 3, 9, 3] as readonly number[],
    hiddenAct: 'gelu',
    initializerRange: 0.02,
    layerNormEps: 1e-6,
    layerScaleInitValue: 1e-6,
    dropPathRate: 0,
    imageSize: 224 as number | readonly [number, number],
    pooling: undefined as Pooling | undefined,
  })
{
  get hiddenSize(): number {
    return this.hiddenSizes.at(-1) ?? 0
  }
  get patchSize(): number {
    return FIXED.patchSize
  }
}
