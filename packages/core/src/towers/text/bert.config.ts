import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const BERT_DEFAULTS = {
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  padTokenId: 0,
  isDecoder: false,
  positionEmbeddingType: undefined as string | undefined,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `BertConfig`. */
export class BertConfig extends /* @__PURE__ */ configClass('bert', BERT_DEFAULTS) {}
