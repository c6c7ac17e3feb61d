export {
  type ConfigOverrides,
  type DualEncoderConfigValues,
  type TowerOverrides,
  VisionTextDualEncoderConfig,
} from './dual-encoder-config'
export { type Json, type JsonObject, PretrainedConfig } from './pretrained-config'
