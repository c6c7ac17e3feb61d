/** What a training run is made of. */
export {
  clipTrainingLoss,
  distillationLoss,
  type LossBatch,
  type LossName,
  lossOf,
  matryoshkaLoss,
  siglipTrainingLoss,
  type TrainingLoss,
  weightedLosses,
} from '@dual-encoder/core/training'
export { type PairKeys, positivesOf } from './positives'
export { averageWeights, ema, emaShare } from './optimizers/average'
export { clampLogitScale, clipByNorm, clipScale, globalNorm } from './optimizers/gradients'
export {
  adamw,
  type AdamWOptions,
  lion,
  type LionOptions,
  optimizerOf,
  type OptimizerOptions,
  sgd,
  type SGDOptions,
} from './optimizers/optimizers'
export { depthsOf, type TowerDepths, type TowerName } from './rules/layers'
export { layerDecay, lit, type LitLetter, type LitPreset, topLayers } from './rules/presets'
export {
  factorsOf,
  type ParameterPlan,
  planOf,
  type Rule,
  type RuleMaker,
  type Rules,
  type TrainedParameter,
} from './rules/rules'
export { type Schedule, scheduleOf, type ScheduleOptions } from './schedules'
export { updateRule, type UpdateOptions } from './update'
export type {
  EvaluateOptions,
  PatchConfig,
  RunOptions,
  RunResult,
  StepReport,
  TrainableModel,
  TrainerCache,
  TrainerOptions,
} from './trainer/options'
export { type Callback, compile, type CompileOptions, type FitOptions, type History } from './trainer/fit'
export { fewLengths } from './trainer/sides'
export { Trainer } from './trainer/trainer'
export { type Augmentation, augmented, sometimes } from './augment/augment'
export {
  colorJitter,
  type ColorJitterOptions,
  grayscale,
  randomBackground,
  type RandomBackgroundOptions,
} from './augment/colour'
export {
  horizontalFlip,
  randomAffine,
  type RandomAffineOptions,
  randomResizedCrop,
  type RandomResizedCropOptions,
} from './augment/geometry'
export type { Columns } from './data/columns'
export { folderData, type FolderOptions } from './data/folder'
export { huggingFaceData, type HuggingFaceOptions } from './data/hugging-face'
export { type Batch, type BatchInfo, DataLoader, type LoaderOptions, type LoaderState } from './data/loader'
export type { BatchProcessor, ProcessedInputs, Side, Sides, Taken } from './data/sides'
export type { CutModel } from './cache/sides'
export type { Folder } from './files'
export { parquetData, type ParquetOptions } from './data/parquet'
export type { BadSample, IndexedData, LoaderData, Sample, StreamedData } from './data/sample'
export type { SamplerName } from './data/samplers'
export type { ShuffleOptions } from './data/shards'
export { readTar, type TarFile } from './data/tar'
export { webDataset, type WebDatasetOptions } from './data/webdataset'
export type { Random } from './random'
export { type CheckpointParts, Checkpoints, type LoadedCheckpoint } from './checkpoint/checkpoints'
export { type FileWriterOptions, jsonLines, readMetrics } from './metrics/jsonl'
export type { Metrics, MetricsWriter } from './metrics/metrics'
export { progressLine, type ProgressOptions } from './metrics/progress'
export { htmlReport, lineChart, type ReportOptions, type Series } from './metrics/report'
export { tensorBoard, type TensorBoardOptions } from './metrics/tensorboard'
