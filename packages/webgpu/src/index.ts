export type { Frame, FrameOptions } from './frames'
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
export { TextTower, VisionTower, type WarmUp, type WebGpuModel } from './model'
export type { WebGpuDtype, WebGpuOptions } from './options'
export type {
  ApplyOptions,
  DualEncoderTensors,
  GradOptions,
  ParamMask,
  Params,
  TowerTensors,
  TrainOptions,
} from '@dual-encoder/tfjs'
