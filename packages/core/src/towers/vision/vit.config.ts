import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const VIT_DEFAULTS = {
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
  qkvBias: true,
  encoderStride: 16,
  poolerOutputSize: undefined as number | null | undefined,
  poolerAct: 'tanh',
  pooling: undefined as Pooling | undefined,
}

/** transformers' `ViTConfig`. */
export class ViTConfig extends /* @__PURE__ */ configClass('vit', VIT_DEFAULTS) {}
