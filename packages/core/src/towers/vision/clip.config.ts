import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

export const CLIP_VISION_DEFAULTS = {
  hiddenSize: 768,
  intermediateSize: 3072,
  projectionDim: 512,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  numChannels: 3,
  imageSize: 224 as number | readonly [number, number],
  patchSize: 32 as number | readonly [number, number],
  hiddenAct: 'quick_gelu',
  layerNormEps: 1e-5,
  attentionDropout: 0,
  initializerRange: 0.02,
  initializerFactor: 1,
  pooling: undefined as Pooling | undefined,
}

/** transformers' `CLIPVisionConfig`. */
export class CLIPVisionConfig extends /* @__PURE__ */ configClass('clip_vision_model', CLIP_VISION_DEFAULTS) {}

/** transformers' `ChineseCLIPVisionConfig`. */
export class ChineseCLIPVisionConfig
  extends /* @__PURE__ */ configClass('chinese_clip_vision_model', CLIP_VISION_DEFAULTS) {}

/** transformers' `MetaClip2VisionConfig`. */
export class MetaClip2VisionConfig
  extends /* @__PURE__ */ configClass('metaclip_2_vision_model', CLIP_VISION_DEFAULTS) {}

/** transformers' `AltCLIPVisionConfig`. */
export class AltCLIPVisionConfig extends /* @__PURE__ */ configClass('altclip_vision_model', CLIP_VISION_DEFAULTS) {}
