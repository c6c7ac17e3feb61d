import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** transformers' `Aimv2VisionConfig`. */
export class Aimv2VisionConfig
  extends /* @__PURE__ */ configClass('aimv2_vision_model', {
    hiddenSize: 1024,
    intermediateSize: 2816,
    numHiddenLayers: 24,
    numAttentionHeads: 8,
    numChannels: 3,
    imageSize: 224 as number | readonly [number, number],
    patchSize: 14 as number | readonly [number, number],
    hiddenAct: 'silu',
    attentionDropout: 0,
    rmsNormEps: 1e-5,
    qkvBias: false,
    mlpBias: false,
    initializerRange: 0.02,
    useHead: true,
    isNative: false,
    pooling: undefined as Pooling | undefined,
  }) {}
