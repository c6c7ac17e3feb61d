import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `MegatronBertConfig`. */
export class MegatronBertConfig
  extends /* @__PURE__ */ configClass(
    'megatron-bert',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 29056,
      hiddenSize: 1024,
      numHiddenLayers: 24,
      numAttentionHeads: 16,
      intermediateSize: 4096,
    }),
  ) {}
