export type { ExportOptions } from './export'
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
export { quantizationCanary } from './int8/canary'
export { quantizationReport } from './int8/report'
export { type OnnxGradientOptions, type OnnxModel, TextTower, VisionTower } from './model'
export type { OnnxOptions } from './options'
