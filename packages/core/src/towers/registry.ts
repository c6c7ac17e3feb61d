import { ConfigError } from '../base/errors'
import * as configs from './configs'
import type { TextTowerModule, TowerConfigClass, VisionTowerModule } from './tower'

/** A tower's config, which is always there, and its module with the forward pass, which is loaded when it is needed. */
export interface TowerEntry<M extends VisionTowerModule | TextTowerModule> {
  readonly config: TowerConfigClass<M extends VisionTowerModule ? 'vision' : 'text'>
  load(): Promise<M>
}

type Towers<M extends VisionTowerModule | TextTowerModule> = Readonly<Record<string, TowerEntry<M>>>

/** By the `model_type` that each config knows. A list of literals, so that a bundler may leave the whole table out. */
const byModelType = <M extends VisionTowerModule | TextTowerModule>(
  towers: readonly (readonly [TowerEntry<M>['config'], TowerEntry<M>['load']])[],
): Towers<M> => Object.fromEntries(towers.map(([config, load]) => [config.modelType, { config, load }]))

/** The vision towers. A new one is a module with its config, a line here and one in `configs.ts`. */
export const VISION_TOWERS = /* @__PURE__ */ byModelType<VisionTowerModule>([
  [configs.ViTConfig, async () => (await import('./vision/vit')).vit],
  [configs.DeiTConfig, async () => (await import('./vision/deit')).deit],
  [configs.BeitConfig, async () => (await import('./vision/beit')).beit],
  [configs.CLIPVisionConfig, async () => (await import('./vision/clip')).clipVision],
  [configs.SiglipVisionConfig, async () => (await import('./vision/siglip')).siglipVision],
  [configs.OpenCLIPVisionConfig, async () => (await import('./vision/open-clip')).openClipVision],
  [configs.ChineseCLIPVisionConfig, async () => (await import('./vision/clip')).chineseClipVision],
  [configs.MetaClip2VisionConfig, async () => (await import('./vision/clip')).metaClip2Vision],
  [configs.AltCLIPVisionConfig, async () => (await import('./vision/clip')).altClipVision],
  [configs.Dinov2Config, async () => (await import('./vision/dinov2')).dinov2],
  [configs.Dinov2WithRegistersConfig, async () => (await import('./vision/dinov2')).dinov2WithRegisters],
  [configs.DINOv3ViTConfig, async () => (await import('./vision/dinov3')).dinov3],
  [configs.MLCDVisionConfig, async () => (await import('./vision/mlcd')).mlcdVision],
  [configs.Aimv2VisionConfig, async () => (await import('./vision/aimv2')).aimv2Vision],
  [configs.SwinConfig, async () => (await import('./vision/swin')).swin],
  [configs.Swinv2Config, async () => (await import('./vision/swin')).swinv2],
  [configs.ConvNextConfig, async () => (await import('./vision/convolutional/convnext')).convnext],
  [configs.ConvNextV2Config, async () => (await import('./vision/convolutional/convnext')).convnextv2],
  [configs.DINOv3ConvNextConfig, async () => (await import('./vision/convolutional/dinov3-convnext')).dinov3ConvNext],
  [configs.ResNetConfig, async () => (await import('./vision/convolutional/resnet')).resnet],
  [configs.RegNetConfig, async () => (await import('./vision/convolutional/regnet')).regnet],
  [configs.EfficientNetConfig, async () => (await import('./vision/convolutional/efficientnet')).efficientnet],
  [configs.HieraConfig, async () => (await import('./vision/hiera')).hiera],
  [configs.ViTMSNConfig, async () => (await import('./vision/vit-unpooled')).vitMsn],
  [configs.ViTMAEConfig, async () => (await import('./vision/vit-unpooled')).vitMae],
  [configs.IJepaConfig, async () => (await import('./vision/ijepa')).ijepa],
  [configs.Data2VecVisionConfig, async () => (await import('./vision/beit')).data2vecVision],
])

/** The text towers. */
const TEXT_TOWERS = /* @__PURE__ */ byModelType<TextTowerModule>([
  [configs.BertConfig, async () => (await import('./text/bert')).bert],
  [configs.RobertaConfig, async () => (await import('./text/roberta')).roberta],
  [configs.XLMRobertaConfig, async () => (await import('./text/roberta')).xlmRoberta],
  [configs.CamembertConfig, async () => (await import('./text/roberta')).camembert],
  [configs.Data2VecTextConfig, async () => (await import('./text/roberta')).data2vecText],
  [configs.XLMRobertaXLConfig, async () => (await import('./text/xlm-roberta-xl')).xlmRobertaXL],
  [configs.RobertaPreLayerNormConfig, async () => (await import('./text/roberta-prelayernorm')).robertaPreLayerNorm],
  [configs.ErnieConfig, async () => (await import('./text/ernie')).ernie],
  [configs.MegatronBertConfig, async () => (await import('./text/megatron-bert')).megatronBert],
  [configs.ElectraConfig, async () => (await import('./text/electra')).electra],
  [configs.AlbertConfig, async () => (await import('./text/albert')).albert],
  [configs.RemBertConfig, async () => (await import('./text/rembert')).rembert],
  [configs.DistilBertConfig, async () => (await import('./text/distilbert')).distilbert],
  [configs.MPNetConfig, async () => (await import('./text/mpnet')).mpnet],
  [configs.DebertaConfig, async () => (await import('./text/deberta')).deberta],
  [configs.DebertaV2Config, async () => (await import('./text/deberta-v2')).debertaV2],
  [configs.ModernBertConfig, async () => (await import('./text/modernbert')).modernbert],
  [configs.NomicBertConfig, async () => (await import('./text/nomic-bert')).nomicBert],
  [configs.MobileBertConfig, async () => (await import('./text/mobilebert')).mobilebert],
  [configs.CLIPTextConfig, async () => (await import('./text/clip-text')).clipText],
  [configs.MetaClip2TextConfig, async () => (await import('./text/clip-text')).metaClip2Text],
  [configs.SiglipTextConfig, async () => (await import('./text/siglip-text')).siglipText],
  [configs.ChineseCLIPTextConfig, async () => (await import('./text/chinese-clip')).chineseClipText],
  [configs.CoCaTextConfig, async () => (await import('./text/coca-text')).cocaText],
  [configs.OpenCLIPTextConfig, async () => (await import('./text/open-clip-text')).openClipText],
  [configs.AltCLIPTextConfig, async () => (await import('./text/altclip')).altClipText],
])

function towerOf<T>(towers: Readonly<Record<string, T>>, kind: string, modelType: unknown): T {
  const type = String(modelType)
  if (Object.hasOwn(towers, type)) return towers[type] as T
  const given =
    modelType === undefined ? 'config has no model_type' : `model_type "${String(modelType)}" is not supported`
  throw new ConfigError(
    'unsupported-model-type',
    `${kind} tower: ${given}. Should be one of: ${Object.keys(towers).join(', ')}.`,
  )
}

/** @throws ConfigError listing the vision towers there are. */
export const visionTowerOf = (modelType: unknown): TowerEntry<VisionTowerModule> =>
  towerOf(VISION_TOWERS, 'Vision', modelType)
/** @throws ConfigError listing the text towers there are. */
export const textTowerOf = (modelType: unknown): TowerEntry<TextTowerModule> => towerOf(TEXT_TOWERS, 'Text', modelType)

/** Of all towers there are. */
export const towerTypes = (): string[] => [...Object.keys(VISION_TOWERS), ...Object.keys(TEXT_TOWERS)]
export const isVisionTower = (modelType: unknown): boolean => Object.hasOwn(VISION_TOWERS, String(modelType))
export const isTextTower = (modelType: unknown): boolean => Object.hasOwn(TEXT_TOWERS, String(modelType))
