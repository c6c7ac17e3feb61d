import { configClass, derived } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const DINOV2_DEFAULTS = {
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  mlpRatio: 4,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
  initializerRange: 0.02,
  layerNormEps: 1e-6,
  imageSize: 224 as number | readonly [number, number],
  patchSize: 14 as number | readonly [number, number],
  numChannels: 3,
  qkvBias: true,
  layerscaleValue: 1,
  dropPathRate: 0,
  useSwigluFfn: false,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `Dinov2Config`. */
export class Dinov2Config
  extends /* @__PURE__ */ configClass('dinov2', /* @__PURE__ */ derived(DINOV2_DEFAULTS, { useMaskToken: true })) {}

/** transformers' `Dinov2WithRegistersConfig`. */
export class Dinov2WithRegistersConfig
  extends /* @__PURE__ */ configClass(
    'dinov2_with_registers',
    /* @__PURE__ */ derived(DINOV2_DEFAULTS, {
      patchSize: 16 as number | readonly [number, number],
      numRegisterTokens: 4,
    }),
  ) {}
