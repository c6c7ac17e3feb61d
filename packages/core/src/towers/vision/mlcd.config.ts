import { configClass, type JsonObject } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** transformers' `MLCDVisionConfig`. */
export class MLCDVisionConfig
  extends /* @__PURE__ */ configClass('mlcd_vision_model', {
    hiddenSize: 1664,
    intermediateSize: 8192,
    numHiddenLayers: 48,
    numAttentionHeads: 16,
    numKeyValueGroups: 1,
    numChannels: 3,
    imageSize: 336 as number | readonly [number, number],
    patchSize: 14 as number | readonly [number, number],
    hiddenAct: 'gelu',
    layerNormEps: 1e-5,
    attentionDropout: 0,
    initializerRange: 0.02,
    initializerFactor: 1,
    /** `rope_type` and `rope_theta`, as in `config.json`. */
    ropeParameters: undefined as JsonObject | null | undefined,
    pooling: undefined as Pooling | undefined,
  }) {}
