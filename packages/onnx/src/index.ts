export type { ExportOptions } from './export'
export {
  AltCLIPModel,
  AutoModel,
  ChineseCLIPModel,
  CLIPModel,
  MetaClip2Model,
  SiglipModel,
  VisionTextDualEncoderModel,
} from './families'
export { type OnnxModel, TextTower, VisionTower } from './model'
export type { OnnxOptions } from './options'
