import { configClass, derived } from '../../../base/pretrained-config'
import type { Pooling } from '../../tower'

export const CONVNEXT_DEFAULTS = {
  numChannels: 3,
  patchSize: 4 as number | readonly [number, number],
  numStages: 4,
  hiddenSizes: [96, 192, 384, 768] as readonly number[],
  depths: [3, 3, 9, 3] as readonly number[],
  hiddenAct: 'gelu',
  initializerRange: 0.02,
  /** Of the last norm. */
  layerNormEps: 1e-12,
  /** Of the others; 1e-6 unless given, and in transformers. */
  normEps: undefined as number | undefined,
  dropPathRate: 0,
  imageSize: 224 as number | readonly [number, number],
  pooling: undefined as Pooling | undefined,
}

/** transformers' `ConvNextConfig`. */
export class ConvNextConfig
  extends /* @__PURE__ */ configClass(
    'convnext',
    /* @__PURE__ */ derived(CONVNEXT_DEFAULTS, { layerScaleInitValue: 1e-6 }),
  )
{
  get hiddenSize(): number {
    return this.hiddenSizes.at(-1) ?? 0
  }
}

/** transformers' `ConvNextV2Config`. */
export class ConvNextV2Config extends /* @__PURE__ */ configClass('convnextv2', CONVNEXT_DEFAULTS) {
  get hiddenSize(): number {
    return this.hiddenSizes.at(-1) ?? 0
  }
}
