import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

const HIERA_DEFAULTS = {
  embedDim: 96,
  imageSize: [224, 224] as readonly [number, number],
  patchSize: [7, 7] as readonly [number, number],
  patchStride: [4, 4] as readonly [number, number],
  patchPadding: [3, 3] as readonly [number, number],
  mlpRatio: 4,
  depths: [2, 3, 16, 3] as readonly number[],
  numHeads: [1, 2, 4, 8] as readonly number[],
  embedDimMultiplier: 2,
  numQueryPool: 3,
  queryStride: [2, 2] as readonly [number, number],
  maskedUnitSize: [8, 8] as readonly [number, number],
  maskedUnitAttention: [true, true, false, false] as readonly boolean[],
  dropPathRate: 0,
  numChannels: 3,
  hiddenAct: 'gelu',
  initializerRange: 0.02,
  layerNormInit: 1,
  layerNormEps: 1e-6,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `HieraConfig`. */
export class HieraConfig extends /* @__PURE__ */ configClass('hiera', HIERA_DEFAULTS) {
  /** Channels of a stage. */
  sizeOf(stage: number): number {
    return Math.trunc(this.embedDim * this.embedDimMultiplier ** stage)
  }

  get hiddenSize(): number {
    return this.sizeOf(this.depths.length - 1)
  }
}
