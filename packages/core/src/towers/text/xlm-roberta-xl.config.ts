import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `XLMRobertaXLConfig`. */
export class XLMRobertaXLConfig
  extends /* @__PURE__ */ configClass(
    'xlm-roberta-xl',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 250880,
      hiddenSize: 2560,
      numHiddenLayers: 36,
      numAttentionHeads: 32,
      intermediateSize: 10240,
      maxPositionEmbeddings: 514,
      typeVocabSize: 1,
      layerNormEps: 1e-5,
      padTokenId: 1,
    }),
  ) {}
