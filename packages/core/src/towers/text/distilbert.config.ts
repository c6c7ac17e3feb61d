import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

const DEFAULTS = {
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 6,
  numAttentionHeads: 12,
  hiddenDim: 4 * 768,
  activation: 'gelu',
  dropout: 0.1,
  attentionDropout: 0.1,
  maxPositionEmbeddings: 512,
  sinusoidalPosEmbds: false,
  initializerRange: 0.02,
  padTokenId: 0,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `DistilBertConfig`. */
export class DistilBertConfig
  extends /* @__PURE__ */ configClass('distilbert', DEFAULTS, {
    hiddenSize: 'dim',
    numHiddenLayers: 'n_layers',
    numAttentionHeads: 'n_heads',
  }) {}
