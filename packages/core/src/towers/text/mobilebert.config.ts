import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `MobileBertConfig`. */
export class MobileBertConfig
  extends /* @__PURE__ */ configClass(
    'mobilebert',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      hiddenSize: 512,
      numHiddenLayers: 24,
      numAttentionHeads: 4,
      intermediateSize: 512,
      hiddenAct: 'relu',
      hiddenDropoutProb: 0,
      embeddingSize: 128,
      trigramInput: true,
      useBottleneck: true,
      intraBottleneckSize: 128,
      useBottleneckAttention: false,
      keyQuerySharedBottleneck: true,
      numFeedforwardNetworks: 4,
      normalizationType: 'no_norm',
      classifierActivation: true,
    }),
  ) {}
