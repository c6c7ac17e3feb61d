export {
  DualEncoderModel,
  type FeatureOptions,
  type ForwardInputs,
  type ForwardOptions,
  type FromTowersOptions,
  type ModelClass,
} from './model'
export {
  encode,
  type EncodeRequest,
  ENCODER_NAMES,
  encoderWeights,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type RunOptions,
  type TextBatch,
  type TextEncoderSpec,
  type VisionBatch,
  type VisionEncoderSpec,
} from './encoder'
export { memoryWeight } from './initialize'
export { checkPixelDims, type TextModelInputs, type VisionModelInputs } from './inputs'
export { type CheckpointOptions, initializeModel, type LoadedModel, type LoadedTower } from './load'
export type { DualEncoderOutput, DualEncoderTuple, TowerModelOutput, TowerTuple } from './outputs'
export type { SaveOptions } from './save'
export { TowerBase, type TowerClass, type TowerForwardOptions } from './tower'
