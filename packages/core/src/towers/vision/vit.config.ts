import { configClass, derived } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** What ViT's kin share. */
export const VIT_BASE = {
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
  pooling: undefined as Pooling | undefined,
}

export const VIT_DEFAULTS = /* @__PURE__ */ derived(VIT_BASE, {
  encoderStride: 16,
  poolerOutputSize: undefined as number | null | undefined,
  poolerAct: 'tanh',
})

/** transformers' `ViTConfig`. */
export class ViTConfig extends /* @__PURE__ */ configClass('vit', VIT_DEFAULTS) {}

/** transformers' `ViTMSNConfig`. */
export class ViTMSNConfig
  extends /* @__PURE__ */ configClass('vit_msn', /* @__PURE__ */ derived(VIT_BASE, { layerNormEps: 1e-6 })) {}

/** transformers' `ViTMAEConfig`, of which the encoder alone is read. */
export class ViTMAEConfig extends /* @__PURE__ */ configClass('vit_mae', VIT_BASE) {}
