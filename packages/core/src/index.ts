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
export { AlbertConfig } from './towers/text/albert.config'
export { BertConfig } from './towers/text/bert.config'
export { DebertaConfig, DebertaV2Config } from './towers/text/deberta.config'
export { DistilBertConfig } from './towers/text/distilbert.config'
export { ElectraConfig } from './towers/text/electra.config'
export { ErnieConfig } from './towers/text/ernie.config'
export { MobileBertConfig } from './towers/text/mobilebert.config'
export { ModernBertConfig } from './towers/text/modernbert.config'
export { MPNetConfig } from './towers/text/mpnet.config'
export { NomicBertConfig } from './towers/text/nomic-bert.config'
export { RemBertConfig } from './towers/text/rembert.config'
export { CamembertConfig, Data2VecTextConfig, RobertaConfig, XLMRobertaConfig } from './towers/text/roberta.config'
export { XLMRobertaXLConfig } from './towers/text/xlm-roberta-xl.config'
export { AltCLIPTextConfig } from './towers/text/altclip.config'
export { ChineseCLIPTextConfig } from './towers/text/chinese-clip.config'
export { CLIPTextConfig, MetaClip2TextConfig } from './towers/text/clip-text.config'
export { CoCaTextConfig } from './towers/text/coca-text.config'
export { OpenCLIPTextConfig } from './towers/text/open-clip-text.config'
export { SiglipTextConfig } from './towers/text/siglip-text.config'
export type { RopeParameters } from './towers/text/rope'
export type { Pooling, TextConfig, TowerConfig, VisionConfig } from './towers/tower'
export { Aimv2VisionConfig } from './towers/vision/aimv2.config'
export { BeitConfig, Data2VecVisionConfig } from './towers/vision/beit.config'
export {
  AltCLIPVisionConfig,
  ChineseCLIPVisionConfig,
  CLIPVisionConfig,
  MetaClip2VisionConfig,
} from './towers/vision/clip.config'
export { ConvNextConfig, ConvNextV2Config } from './towers/vision/convnext.config'
export { DeiTConfig } from './towers/vision/deit.config'
export { Dinov2Config, Dinov2WithRegistersConfig } from './towers/vision/dinov2.config'
export { DINOv3ViTConfig } from './towers/vision/dinov3.config'
export { HieraConfig } from './towers/vision/hiera.config'
export { OpenCLIPVisionConfig } from './towers/vision/open-clip.config'
export { MLCDVisionConfig } from './towers/vision/mlcd.config'
export { EfficientNetConfig } from './towers/vision/efficientnet.config'
export { ResNetConfig } from './towers/vision/resnet.config'
export { SiglipVisionConfig } from './towers/vision/siglip.config'
export { SwinConfig, Swinv2Config } from './towers/vision/swin.config'
export { ViTConfig, ViTMAEConfig, ViTMSNConfig } from './towers/vision/vit.config'
export type { Framework } from './weights/formats/names'
export type { WeightFormat } from './weights/open'
export { readSafetensors } from './weights/safetensors/read'
export { writeSafetensors } from './weights/safetensors/write'
