import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

const DEFAULTS = /* @__PURE__ */ derived(BERT_DEFAULTS, {
  typeVocabSize: 0,
  layerNormEps: 1e-7,
  relativeAttention: false,
  maxRelativePositions: -1,
  positionBiasedInput: true,
  /** Any of "c2p" and "p2c"; as one string "c2p|p2c". */
  posAttType: undefined as string | readonly string[] | null | undefined,
  /** `hiddenSize` unless given. */
  embeddingSize: undefined as number | undefined,
})

/** transformers' `DebertaConfig`. */
export class DebertaConfig
  extends /* @__PURE__ */ configClass(
    'deberta',
    /* @__PURE__ */ derived(DEFAULTS, { vocabSize: 50265, talkingHead: false }),
  ) {}

/** transformers' `DebertaV2Config`, DeBERTa v3's too. */
export class DebertaV2Config
  extends /* @__PURE__ */ configClass(
    'deberta-v2',
    /* @__PURE__ */ derived(DEFAULTS, {
      vocabSize: 128100,
      hiddenSize: 1536,
      numHiddenLayers: 24,
      numAttentionHeads: 24,
      intermediateSize: 6144,
      positionBuckets: -1,
      shareAttKey: false,
      normRelEbd: 'none',
      convKernelSize: 0,
      convGroups: 1,
      convAct: 'tanh',
    }),
  ) {}
