export type { ExportOptions } from './export'
export { TextTower, VisionTextDualEncoderModel, VisionTower } from './model'
export type { OnnxOptions } from './options'
