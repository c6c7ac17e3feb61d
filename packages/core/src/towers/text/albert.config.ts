import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `AlbertConfig`. */
export class AlbertConfig
  extends /* @__PURE__ */ configClass(
    'albert',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 30000,
      embeddingSize: 128,
      hiddenSize: 4096,
      numHiddenGroups: 1,
      numAttentionHeads: 64,
      intermediateSize: 16384,
      innerGroupNum: 1,
      hiddenAct: 'gelu_new',
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
    }),
  ) {}
