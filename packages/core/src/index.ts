/** What a user needs. What only backends need is in `@dual-encoder/core/backend`. */
export {
  BackendError,
  CheckpointError,
  ConfigError,
  DualEncoderError,
  ImageError,
  InputError,
  OptionError,
  SourceError,
  TokenizerError,
} from './base/errors'
export { type Json, type JsonObject, PretrainedConfig } from './base/pretrained-config'
export { type DType, type DTypeOf, type Tensor, tensor, type TensorData } from './base/tensor'
export type { Warning, WarningListener } from './base/warnings'
export { cachedModels, type CacheOptions, clearCachedModels, removeCachedModel } from './files/hub/cached'
export type { CachedModel } from './files/hub/store'
export type { DirectoryHandle } from './files/handles'
export type { TargetLike, Writer } from './files/target'
export type { ByteRange, FileReader, Progress, SourceLike, SourceOptions } from './files/types'
export * from './images'
export { modelCard, type ModelCardOptions, type QuantizationLoss, type QuantizationReport } from './models/hub/card'
export { convert, type ConvertedWeight, type ConvertOptions, type ConvertReport } from './models/convert'
export {
  AltCLIPConfig,
  ChineseCLIPConfig,
  CLIPConfig,
  type ConfigOverrides,
  type ConfigParts,
  DualEncoderConfig,
  type DualEncoderConfigValues,
  MetaClip2Config,
  OpenCLIPConfig,
  SiglipConfig,
  VisionTextDualEncoderConfig,
} from './models/dual-encoder-config'
export type { ProjectionForm } from './models/encoder'
export type { Family } from './models/families'
export type { TextModelInputs, VisionModelInputs } from './models/inputs'
export type { CheckpointOptions } from './models/load'
export type {
  FeatureOptions,
  ForwardInputs,
  ForwardOptions,
  FromPretrainedOptions,
  FromTowersOptions,
} from './models/model-options'
export type { DualEncoderOutput, DualEncoderTuple, TowerModelOutput, TowerTuple } from './models/outputs'
export type { GradientOptions, ParamMask } from './models/training/param-mask'
export type { Canary } from './models/canary'
export type { ModelSaveOptions, SaveOptions } from './models/save'
export type { TowerForwardOptions } from './models/tower'
export type { TowerOverrides } from './models/tower-values'
export { downloadModel } from './models/hub/download'
export { pushToHub, type PushOptions, type Savable } from './models/hub/push-to-hub'
export type { ResizeOptions } from './models/vocabulary/resize'
export { clipLoss, siglipLoss } from './ops/losses/on-host'
export { AutoProcessor } from './processor/auto-processor'
export type { LossType } from './processor/post-process'
export {
  type FamilyOptions,
  type ProcessorInputs,
  type ProcessorOptions,
  type ProcessorOutput,
  type TextHalf,
  VisionTextDualEncoderProcessor,
} from './processor/processor'
export type { BatchingOptions } from './models/running/batching'
export {
  type EmbeddedImage,
  embedImages,
  type EmbedImagesOptions,
  type ImageEncoder,
  type ImageItem,
  type PrepareImages,
} from './retrieval/embed-images'
export {
  type EmbeddedText,
  embedTexts,
  type EmbedTextsOptions,
  type PrepareText,
  type TextFeatureEncoder,
  type TextItem,
} from './retrieval/embed-texts'
export type { Hit } from './retrieval/best'
export { topK } from './retrieval/top-k'
export { type Accuracy, topKAccuracy } from './evaluation/accuracy'
export type { BlockOptions } from './evaluation/blocks'
export { ensembleEmbeds } from './evaluation/ensemble'
export { labelProbabilities, type LogitModel } from './evaluation/label-probabilities'
export { LinearProbe, type LinearProbeOptions } from './evaluation/linear-probe'
export {
  type RetrievalOptions,
  type RetrievalReport,
  retrievalScores,
  type RetrievalScores,
} from './evaluation/retrieval'
export {
  type Classification,
  type PromptTemplate,
  sentenceOf,
  type TextProcessor,
  ZeroShotClassifier,
  type ZeroShotOptions,
} from './evaluation/zero-shot'
export * from './text'
export * from './towers/configs'
export type { RopeParameters } from './towers/text/rope'
export type { Pooling, TextConfig, TowerConfig, VisionConfig } from './towers/tower'
export type { Framework } from './weights/formats/names'
export type { WeightFormat } from './weights/open'
export { readSafetensors } from './weights/safetensors/read'
export { writeSafetensors } from './weights/safetensors/write'
