export type { Frame, FrameOptions } from './frames'
export { TextTower, VisionTextDualEncoderModel, VisionTower, type WarmUp } from './model'
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
