import { configClass } from '../../../base/pretrained-config'
import type { Pooling } from '../../tower'

/** What other towers' configs hold and this one does not: any size is taken, to the pixel. */
const FIXED = { patchSize: 1 }

/**
 * transformers' `EfficientNetConfig`. Python's dual encoder asks it for a `hidden_size` that it lacks: a `config.json` that
 * also holds `hidden_size` (the same as `hidden_dim`) is one that both read.
 */
export class EfficientNetConfig
  extends /* @__PURE__ */ configClass('efficientnet', {
    numChannels: 3,
    imageSize: 600 as number | readonly [number, number],
    widthCoefficient: 2,
    depthCoefficient: 3.1,
    depthDivisor: 8,
    kernelSizes: [3, 3, 5, 3, 5, 5, 3] as readonly number[],
    inChannels: [32, 16, 24, 40, 80, 112, 192] as readonly number[],
    outChannels: [16, 24, 40, 80, 112, 192, 320] as readonly number[],
    depthwisePadding: [] as readonly number[],
    strides: [1, 2, 2, 2, 1, 2, 1] as readonly number[],
    numBlockRepeats: [1, 2, 2, 3, 3, 4, 1] as readonly number[],
    expandRatios: [1, 6, 6, 6, 6, 6, 6] as readonly number[],
    squeezeExpansionRatio: 0.25,
    hiddenAct: 'swish',
    hiddenDim: 2560,
    poolingType: 'mean' as 'mean' | 'max',
    initializerRange: 0.02,
    batchNormEps: 0.001,
    dropConnectRate: 0.2,
    pooling: undefined as Pooling | undefined,
  })
{
  get hiddenSize(): number {
    return this.hiddenDim
  }
  get patchSize(): number {
    return FIXED.patchSize
  }
}
