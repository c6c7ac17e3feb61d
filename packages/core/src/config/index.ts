export { type ConfigOverrides, type DualEncoderConfigValues, VisionTextDualEncoderConfig } from './dual-encoder-config'
export { type Json, type JsonObject, PretrainedConfig } from './pretrained-config'
