export { TextTower, VisionTextDualEncoderModel, VisionTower } from './model'
export type { TfBackend, TfjsOptions } from './options'
