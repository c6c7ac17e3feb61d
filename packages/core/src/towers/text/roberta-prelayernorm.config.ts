import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `RobertaPreLayerNormConfig`. */
export class RobertaPreLayerNormConfig
  extends /* @__PURE__ */ configClass(
    'roberta-prelayernorm',
    /* @__PURE__ */ derived(BERT_DEFAULTS, { vocabSize: 50265, padTokenId: 1 }),
  ) {}
