import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'
import type { RopeParameters } from './rope'

/** transformers' `NomicBertConfig`. */
export class NomicBertConfig
  extends /* @__PURE__ */ configClass(
    'nomic_bert',
    /* @__PURE__ */ derived(BERT_DEFAULTS, {
      vocabSize: 30528,
      hiddenAct: 'silu',
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      maxPositionEmbeddings: 2048,
      ropeParameters: undefined as RopeParameters | null | undefined,
      /** hiddenSize / numAttentionHeads unless given. */
      headDim: undefined as number | null | undefined,
    }),
  ) {}
