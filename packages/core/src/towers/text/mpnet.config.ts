import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

const DEFAULTS = {
  vocabSize: 30527,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  relativeAttentionNumBuckets: 32,
  padTokenId: 1,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `MPNetConfig`. */
export class MPNetConfig extends /* @__PURE__ */ configClass('mpnet', DEFAULTS) {}
