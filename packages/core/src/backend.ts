/**
 * What a backend needs, and the tools that check backends: `@dual-encoder/core/backend`. It holds the values of the
 * public entry that backends use too, so that who imports a backend loads no tokenizer, processor or evaluation.
 */
export { describe } from './base/describe'
export { atOnce, copying, type Pieces } from './base/pieces'
export { breathe, breathing, breathingFirst, turn } from './platform/breathe'
export { BackendError, bothSides, checkOptions, DualEncoderError, InputError, OptionError } from './base/errors'
export { Memo, MemoMap } from './base/memo'
export { snakeCase } from './base/names'
export { scramble } from './base/random'
export { printWarning } from './base/warnings'
export { float32Of, isTensorData, joinRows, sizeOf, sliceRows, tensor } from './base/tensor'
export { openSource, readJson } from './files/source'
export { openTarget, type Target } from './files/target'
export type { Source } from './files/types'
export { instantiatedOnce, Reservations } from './platform/wasm'
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
export {
  AltCLIPConfig,
  ChineseCLIPConfig,
  CLIPConfig,
  MetaClip2Config,
  OpenCLIPConfig,
  SiglipConfig,
  VisionTextDualEncoderConfig,
} from './models/dual-encoder-config'
export { safetensorsOf } from './weights/safetensors/write'
export { memoryWeight } from './models/initialize'
export { checkPixelDims } from './models/inputs'
export { initializeModel, type LoadedModel, type LoadedTower } from './models/load'
export { type AutoModel, autoModel } from './models/auto-model'
export type { DualEncoderModel } from './models/model'
export { TrainableDualEncoder } from './models/training/trainable'
export type { ModelClass } from './models/model-options'
export { GRADIENT_OPTIONS, inMask, namesInMask } from './models/training/param-mask'
export { type EncoderLayers, encoderParams } from './models/parameters'
export { checkK } from './retrieval/best'
export { topK } from './retrieval/top-k'
export { Vectors } from './retrieval/vectors'
export { RunnerBase } from './models/running/runner'
export { canaryOf, checkFloor } from './models/canary'
export { sampleOf } from './models/sample'
export { TowerBase, type TowerClass } from './models/tower'
export { type Activation, activationOf } from './ops/activations'
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
export { Scope } from './ops/scope'
export { gridOf } from './towers/grid'
export { KEPT } from './towers/positions'
export type { LocalFile, StagedFile } from './platform/platform'
export type { Taps, TextTowerModule, TowerOutput, VisionTowerModule } from './towers/tower'
export type { StorageType, WeightEntry, WeightLocation, WeightRecipe, Weights } from './weights/entry'
export { bytesOf, inFileOrder, readEntries, type ReadFile, readInGroups, storedOf } from './weights/read-entries'
export { decode as decodeValues, encode as encodeValues, roundTo } from './weights/safetensors/dtypes'
export { openWeights } from './weights/open'
export { someRows } from './weights/rows'
export { dequantize, storedParts } from './weights/quantize'
