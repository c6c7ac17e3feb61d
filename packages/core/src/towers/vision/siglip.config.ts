import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** transformers' `SiglipVisionConfig`. */
export class SiglipVisionConfig
  extends /* @__PURE__ */ configClass('siglip_vision_model', {
    hiddenSize: 768,
    intermediateSize: 3072,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    numChannels: 3,
    imageSize: 224 as number | readonly [number, number],
    patchSize: 16 as number | readonly [number, number],
    hiddenAct: 'gelu_pytorch_tanh',
    layerNormEps: 1e-6,
    attentionDropout: 0,
    initializerRange: 0.02,
    visionUseHead: true,
    pooling: undefined as Pooling | undefined,
  }) {}
