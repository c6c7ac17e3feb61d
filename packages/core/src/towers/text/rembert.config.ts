import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `RemBertConfig`. */
export class RemBertConfig
  extends /* @__PURE__ */ configClass(
    'rembert',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 250300,
      hiddenSize: 1152,
      numHiddenLayers: 32,
      numAttentionHeads: 18,
      inputEmbeddingSize: 256,
      intermediateSize: 4608,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
    }),
  ) {}
