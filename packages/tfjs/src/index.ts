export {
  AltCLIPModel,
  AutoModel,
  ChineseCLIPModel,
  CLIPModel,
  MetaClip2Model,
  OpenCLIPModel,
  SiglipModel,
  VisionTextDualEncoderModel,
} from './families'
export { TextTower, type TfjsModel, VisionTower } from './model'
export type { TfBackend, TfjsOptions } from './options'
export type { ApplyOptions, DualEncoderTensors, GradOptions, TowerTensors, TrainOptions } from './differentiable'
export type { ParamMask } from '@dual-encoder/core'
export { type Params, toBf16, toFp16, toFp32 } from './params'
