export { type Activation, activationOf } from './activations'
export { BeitConfig } from './beit'
export { BertConfig } from './bert'
export { ChineseCLIPVisionConfig, CLIPVisionConfig } from './clip'
export { DeiTConfig } from './deit'
export { Dinov2Config } from './dinov2'
export type { AttentionOptions, Init, Linear, Norm, Ops, Param, Projection } from './ops'
export { encoderParams } from './parameters'
export { CamembertConfig, RobertaConfig, XLMRobertaConfig } from './roberta'
export { Scope } from './scope'
export { SiglipVisionConfig } from './siglip'
export type {
  Pooling,
  Taps,
  TextConfig,
  TextInputs,
  TextTowerModule,
  TowerConfig,
  TowerOutput,
  VisionConfig,
  VisionInputs,
  VisionTowerModule,
} from './tower'
export { ViTConfig } from './vit'
