import { configClass, derived } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const BEIT_DEFAULTS = {
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  imageSize: 224 as number | readonly [number, number],
  patchSize: 16 as number | readonly [number, number],
  numChannels: 3,
  useMaskToken: false,
  useAbsolutePositionEmbeddings: false,
  useRelativePositionBias: false,
  useSharedRelativePositionBias: false,
  layerScaleInitValue: 0.1,
  dropPathRate: 0.1,
  useMeanPooling: true,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `BeitConfig`. */
export class BeitConfig
  extends /* @__PURE__ */ configClass('beit', /* @__PURE__ */ derived({ vocabSize: 8192 }, BEIT_DEFAULTS)) {}

/** transformers' `Data2VecVisionConfig`. */
export class Data2VecVisionConfig extends /* @__PURE__ */ configClass('data2vec-vision', BEIT_DEFAULTS) {}
