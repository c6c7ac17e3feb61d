import { configClass } from '../../base/pretrained-config'
import type { Pooling } from '../tower'

/** transformers' `DINOv3ViTConfig`. */
export class DINOv3ViTConfig
  extends /* @__PURE__ */ configClass('dinov3_vit', {
    patchSize: 16 as number | readonly [number, number],
    hiddenSize: 384,
    intermediateSize: 1536,
    numHiddenLayers: 12,
    numAttentionHeads: 6,
    hiddenAct: 'gelu',
    attentionDropout: 0,
    initializerRange: 0.02,
    layerNormEps: 1e-5,
    ropeTheta: 100,
    imageSize: 224 as number | readonly [number, number],
    numChannels: 3,
    queryBias: true,
    keyBias: false,
    valueBias: true,
    projBias: true,
    mlpBias: true,
    layerscaleValue: 1,
    dropPathRate: 0,
    useGatedMlp: false,
    numRegisterTokens: 0,
    pooling: undefined as Pooling | undefined,
  }) {}
