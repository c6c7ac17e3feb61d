import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** transformers' `SiglipTextConfig`. */
export class SiglipTextConfig
  extends /* @__PURE__ */ configClass('siglip_text_model', {
    vocabSize: 32000,
    hiddenSize: 768,
    intermediateSize: 3072,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    maxPositionEmbeddings: 64,
    hiddenAct: 'gelu_pytorch_tanh',
    layerNormEps: 1e-6,
    attentionDropout: 0,
    initializerRange: 0.02,
    padTokenId: 1,
    /** Values of the pooled output; `hiddenSize` unless given. */
    projectionSize: undefined as number | undefined,
    pooling: undefined as Pooling | undefined,
  }) {}
