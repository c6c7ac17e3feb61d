/** What a backend needs, and the tools that check backends: `@dual-encoder/core/backend`. */
export { describe } from './base/describe'
export { bothSides, checkOptions } from './base/errors'
export { Memo, MemoMap } from './base/memo'
export { snakeCase } from './base/names'
export { scramble } from './base/random'
export { printWarning } from './base/warnings'
export { float32Of, isTensorData, joinRows, sizeOf, sliceRows } from './base/tensor'
export { openSource, readJson } from './files/source'
export { openTarget, type Target } from './files/target'
export { Sha256 } from './files/hub/sha256'
export type { Source } from './files/types'
export { instantiatedOnce, Reservations } from './platform/wasm'
export { resize as resizeImage } from './images/resize/resize'
export {
  type Batch,
  encode,
  type EncoderInput,
  encoderInputs,
  namedOutputs,
  outputsByName,
  type EncodeRequest,
  ENCODER_NAMES,
  encoderWeights,
  type EncoderOutput,
  type EncoderRunner,
  type EncoderSpec,
  type RunOptions,
  type TextEncoderSpec,
  type VisionEncoderSpec,
} from './models/encoder'
export { BatchingRunner, checkBatching } from './models/running/batching'
export { memoryWeight } from './models/initialize'
export { checkPixelDims } from './models/inputs'
export { BelowCuts, type CutAt } from './models/training/below'
export {
  embedsOnTape,
  lossOfRows,
  lossOnTape,
  type LossRows,
  type Objective,
  type ObjectiveModel,
  type Side,
} from './models/training/objective'
export { initializeModel, type LoadedModel, type LoadedTower } from './models/load'
export { type AutoModel, autoModel } from './models/auto-model'
export { DualEncoderModel } from './models/model'
export type { ModelClass } from './models/model-options'
export { GRADIENT_OPTIONS, inMask, namesInMask } from './models/training/param-mask'
export { drawnTower, type EncoderLayers, encoderLayers, encoderParams } from './models/parameters'
export { checkK } from './retrieval/best'
export { Vectors } from './retrieval/vectors'
export { RunnerBase } from './models/running/runner'
export { saveModel } from './models/save'
export { canaryOf, checkFloor } from './models/canary'
export { sampleOf } from './models/sample'
export { TowerBase, type TowerClass } from './models/tower'
export {
  type EnteringState,
  rowsAt,
  rowsOf,
  sideOf,
  sidesOf,
  type StepOptions,
  type StepResult,
  type TrainingInputs,
  type TrainingPlan,
  type TrainingRun,
  type TrainingState,
  type UpdateRule,
  withTrained,
} from './models/training/run'
export { type Activation, activationOf } from './ops/activations'
export type { Traced } from './ops/autodiff/record'
export { type DrawFactors, Tape } from './ops/autodiff/tape'
export { dropoutFactors, type DropoutOf, stepSeed } from './ops/dropout'
export { HostOps, type HostValue } from './ops/host/host-ops'
export { logitsOf } from './ops/losses/logits'
export {
  clipLossOfLogits,
  clipTrainingLoss,
  diagonal,
  distillationLoss,
  type LossBatch,
  type LossName,
  lossOf,
  matryoshkaLoss,
  siglipLossOfLogits,
  siglipTrainingLoss,
  type TrainingLoss,
  weightedLosses,
} from './ops/losses/training'
export type {
  AttentionOptions,
  ConvolutionOptions,
  Dim,
  Init,
  Linear,
  Norm,
  Ops,
  Param,
  PoolOptions,
  Primitives,
  Projection,
} from './ops/ops'
export type { Optimizer, ParameterStep } from './ops/optimizer'
export { Scope } from './ops/scope'
export { gridOf } from './towers/grid'
export { KEPT } from './towers/positions'
export type { LocalFile, StagedFile } from './platform/platform'
export type { Taps, TextTowerModule, TowerOutput, VisionTowerModule } from './towers/tower'
export type { StorageType, WeightEntry, WeightLocation, WeightRecipe, Weights } from './weights/entry'
export { inFileOrder, readEntries, type ReadFile, readInGroups, storedOf } from './weights/read-entries'
export { decode as decodeValues, encode as encodeValues, roundTo } from './weights/safetensors/dtypes'
export { openWeights } from './weights/open'
export { quantizedWeight, quantizeRows } from './weights/quantize'
