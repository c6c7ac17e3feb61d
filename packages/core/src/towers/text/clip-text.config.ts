import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const CLIP_TEXT_DEFAULTS = {
  vocabSize: 49408,
  hiddenSize: 512,
  intermediateSize: 2048,
  projectionDim: 512,
  numHiddenLayers: 12,
  numAttentionHeads: 8,
  maxPositionEmbeddings: 77,
  hiddenAct: 'quick_gelu',
  layerNormEps: 1e-5,
  attentionDropout: 0,
  initializerRange: 0.02,
  initializerFactor: 1,
  padTokenId: 1,
  eosTokenId: 49407 as number | null,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `CLIPTextConfig`. */
export class CLIPTextConfig extends /* @__PURE__ */ configClass('clip_text_model', CLIP_TEXT_DEFAULTS) {}

/** transformers' `MetaClip2TextConfig`. */
export class MetaClip2TextConfig extends /* @__PURE__ */ configClass('metaclip_2_text_model', CLIP_TEXT_DEFAULTS) {}
