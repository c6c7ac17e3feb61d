import { configClass, derived } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const SWIN_DEFAULTS = {
  imageSize: 224 as number | readonly [number, number],
  patchSize: 4 as number | readonly [number, number],
  numChannels: 3,
  embedDim: 96,
  depths: [2, 2, 6, 2] as readonly number[],
  numHeads: [3, 6, 12, 24] as readonly number[],
  windowSize: 7,
  mlpRatio: 4,
  qkvBias: true,
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
  dropPathRate: 0.1,
  hiddenAct: 'gelu',
  useAbsoluteEmbeddings: false,
  initializerRange: 0.02,
  layerNormEps: 1e-5,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `SwinConfig`. */
export class SwinConfig extends /* @__PURE__ */ configClass('swin', SWIN_DEFAULTS) {
  get hiddenSize(): number {
    return this.embedDim * 2 ** (this.depths.length - 1)
  }
}

/** transformers' `Swinv2Config`. */
export class Swinv2Config
  extends /* @__PURE__ */ configClass(
    'swinv2',
    /* @__PURE__ */ derived(SWIN_DEFAULTS, {
      pretrainedWindowSizes: [0, 0, 0, 0] as readonly number[] | null,
    }),
  )
{
  get hiddenSize(): number {
    return this.embedDim * 2 ** (this.depths.length - 1)
  }
}
