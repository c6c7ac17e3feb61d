import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `RobertaConfig`. */
export class RobertaConfig
  extends /* @__PURE__ */ configClass(
    'roberta',
    /* @__PURE__ */ derived(BERT_DEFAULTS, { vocabSize: 50265, padTokenId: 1 }),
  ) {}

/** transformers' `XLMRobertaConfig`. */
export class XLMRobertaConfig
  extends /* @__PURE__ */ configClass('xlm-roberta', /* @__PURE__ */ derived(BERT_DEFAULTS, { padTokenId: 1 })) {}

/** transformers' `CamembertConfig`. */
export class CamembertConfig
  extends /* @__PURE__ */ configClass('camembert', /* @__PURE__ */ derived(BERT_DEFAULTS, { padTokenId: 1 })) {}

/** transformers' `Data2VecTextConfig`. */
export class Data2VecTextConfig
  extends /* @__PURE__ */ configClass('data2vec-text', /* @__PURE__ */ derived(BERT_DEFAULTS, { padTokenId: 1 })) {}
