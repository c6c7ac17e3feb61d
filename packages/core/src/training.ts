/** What training needs beside, and what checks it: `@dual-encoder/core/training`, which only a model that trains loads. */
export { Sha256 } from './files/hub/sha256'
export { resize as resizeImage } from './images/resize/resize'
export { encoderLayers, weightsFor } from './models/parameters'
export { saveModel } from './models/save'
export type { CutAt } from './models/training/below'
export {
  embedsOnTape,
  lossOfRows,
  lossOnTape,
  type LossRows,
  type Objective,
  type ObjectiveModel,
  type Side,
} from './models/training/objective'
export {
  eachOfRows,
  type EnteringState,
  rowsAt,
  rowsOf,
  sideOf,
  sidesOf,
  spansOf,
  type StepOptions,
  type StepResult,
  type TrainingInputs,
  type TrainingPlan,
  type TrainingRun,
  type TrainingState,
  type UpdateRule,
  withTrained,
} from './models/training/run'
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
export type { Optimizer, ParameterStep } from './ops/optimizer'
