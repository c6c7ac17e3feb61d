import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `ElectraConfig`. */
export class ElectraConfig
  extends /* @__PURE__ */ configClass(
    'electra',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      embeddingSize: 128,
      hiddenSize: 256,
      numAttentionHeads: 4,
      intermediateSize: 1024,
    }),
  ) {}
