import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `AltCLIPTextConfig`. */
export class AltCLIPTextConfig
  extends /* @__PURE__ */ configClass(
    'altclip_text_model',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 250002,
      hiddenSize: 1024,
      numHiddenLayers: 24,
      numAttentionHeads: 16,
      intermediateSize: 4096,
      attentionProbsDropoutProb: 0,
      maxPositionEmbeddings: 514,
      typeVocabSize: 1,
      layerNormEps: 1e-5,
      padTokenId: 1,
      projectDim: 768,
    }),
  ) {}
