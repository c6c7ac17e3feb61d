import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'
import type { RopeParameters } from './rope'

const DEFAULTS = {
  vocabSize: 50368,
  hiddenSize: 768,
  intermediateSize: 1152,
  numHiddenLayers: 22,
  numAttentionHeads: 12,
  hiddenActivation: 'gelu',
  maxPositionEmbeddings: 8192,
  initializerRange: 0.02,
  initializerCutoffFactor: 2 as number | null,
  normEps: 1e-5,
  normBias: false,
  padTokenId: 50283,
  attentionBias: false,
  attentionDropout: 0,
  localAttention: 128,
  embeddingDropout: 0,
  mlpBias: false,
  mlpDropout: 0,
  classifierPooling: 'cls' as Pooling,
  layerTypes: undefined as readonly string[] | null | undefined,
  ropeParameters: undefined as
    | { readonly full_attention?: RopeParameters | null; readonly sliding_attention?: RopeParameters | null }
    | null
    | undefined,
  /** The last three as transformers 4 has them. */
  globalAttnEveryNLayers: undefined as number | undefined,
  globalRopeTheta: undefined as number | undefined,
  localRopeTheta: undefined as number | undefined,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `ModernBertConfig`. */
export class ModernBertConfig extends /* @__PURE__ */ configClass('modernbert', DEFAULTS) {}
