import { ConfigError } from '../base/errors'
// Not by way of configs.ts: esbuild loses modules that a list alone exports (parity-tests/src/names.test.ts).
import { Aimv2VisionConfig } from './vision/aimv2.config'
import { BeitConfig, Data2VecVisionConfig } from './vision/beit.config'
import {
  AltCLIPVisionConfig,
  ChineseCLIPVisionConfig,
  CLIPVisionConfig,
  MetaClip2VisionConfig,
} from './vision/clip.config'
import { ConvNextConfig, ConvNextV2Config } from './vision/convolutional/convnext.config'
import { DeiTConfig } from './vision/deit.config'
import { Dinov2Config, Dinov2WithRegistersConfig } from './vision/dinov2.config'
import { DINOv3ConvNextConfig } from './vision/convolutional/dinov3-convnext.config'
import { DINOv3ViTConfig } from './vision/dinov3.config'
import { EfficientNetConfig } from './vision/convolutional/efficientnet.config'
import { HieraConfig } from './vision/hiera.config'
import { IJepaConfig } from './vision/ijepa.config'
import { MLCDVisionConfig } from './vision/mlcd.config'
import { OpenCLIPVisionConfig } from './vision/open-clip.config'
import { RegNetConfig } from './vision/convolutional/regnet.config'
import { ResNetConfig } from './vision/convolutional/resnet.config'
import { SiglipVisionConfig } from './vision/siglip.config'
import { SwinConfig, Swinv2Config } from './vision/swin.config'
import { ViTConfig, ViTMAEConfig, ViTMSNConfig } from './vision/vit.config'
import { AlbertConfig } from './text/albert.config'
import { AltCLIPTextConfig } from './text/altclip.config'
import { BertConfig } from './text/bert.config'
import { ChineseCLIPTextConfig } from './text/chinese-clip.config'
import { CLIPTextConfig, MetaClip2TextConfig } from './text/clip-text.config'
import { CoCaTextConfig } from './text/coca-text.config'
import { DebertaConfig, DebertaV2Config } from './text/deberta.config'
import { DistilBertConfig } from './text/distilbert.config'
import { ElectraConfig } from './text/electra.config'
import { ErnieConfig } from './text/ernie.config'
import { MegatronBertConfig } from './text/megatron-bert.config'
import { MobileBertConfig } from './text/mobilebert.config'
import { ModernBertConfig } from './text/modernbert.config'
import { MPNetConfig } from './text/mpnet.config'
import { NomicBertConfig } from './text/nomic-bert.config'
import { OpenCLIPTextConfig } from './text/open-clip-text.config'
import { RemBertConfig } from './text/rembert.config'
import { CamembertConfig, Data2VecTextConfig, RobertaConfig, XLMRobertaConfig } from './text/roberta.config'
import { RobertaPreLayerNormConfig } from './text/roberta-prelayernorm.config'
import { SiglipTextConfig } from './text/siglip-text.config'
import { XLMRobertaXLConfig } from './text/xlm-roberta-xl.config'
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
  [ViTConfig, async () => (await import('./vision/vit')).vit],
  [DeiTConfig, async () => (await import('./vision/deit')).deit],
  [BeitConfig, async () => (await import('./vision/beit')).beit],
  [CLIPVisionConfig, async () => (await import('./vision/clip')).clipVision],
  [SiglipVisionConfig, async () => (await import('./vision/siglip')).siglipVision],
  [OpenCLIPVisionConfig, async () => (await import('./vision/open-clip')).openClipVision],
  [ChineseCLIPVisionConfig, async () => (await import('./vision/clip')).chineseClipVision],
  [MetaClip2VisionConfig, async () => (await import('./vision/clip')).metaClip2Vision],
  [AltCLIPVisionConfig, async () => (await import('./vision/clip')).altClipVision],
  [Dinov2Config, async () => (await import('./vision/dinov2')).dinov2],
  [Dinov2WithRegistersConfig, async () => (await import('./vision/dinov2')).dinov2WithRegisters],
  [DINOv3ViTConfig, async () => (await import('./vision/dinov3')).dinov3],
  [MLCDVisionConfig, async () => (await import('./vision/mlcd')).mlcdVision],
  [Aimv2VisionConfig, async () => (await import('./vision/aimv2')).aimv2Vision],
  [SwinConfig, async () => (await import('./vision/swin')).swin],
  [Swinv2Config, async () => (await import('./vision/swin')).swinv2],
  [ConvNextConfig, async () => (await import('./vision/convolutional/convnext')).convnext],
  [ConvNextV2Config, async () => (await import('./vision/convolutional/convnext')).convnextv2],
  [DINOv3ConvNextConfig, async () => (await import('./vision/convolutional/dinov3-convnext')).dinov3ConvNext],
  [ResNetConfig, async () => (await import('./vision/convolutional/resnet')).resnet],
  [RegNetConfig, async () => (await import('./vision/convolutional/regnet')).regnet],
  [EfficientNetConfig, async () => (await import('./vision/convolutional/efficientnet')).efficientnet],
  [HieraConfig, async () => (await import('./vision/hiera')).hiera],
  [ViTMSNConfig, async () => (await import('./vision/vit-unpooled')).vitMsn],
  [ViTMAEConfig, async () => (await import('./vision/vit-unpooled')).vitMae],
  [IJepaConfig, async () => (await import('./vision/ijepa')).ijepa],
  [Data2VecVisionConfig, async () => (await import('./vision/beit')).data2vecVision],
])

/** The text towers. */
const TEXT_TOWERS = /* @__PURE__ */ byModelType<TextTowerModule>([
  [BertConfig, async () => (await import('./text/bert')).bert],
  [RobertaConfig, async () => (await import('./text/roberta')).roberta],
  [XLMRobertaConfig, async () => (await import('./text/roberta')).xlmRoberta],
  [CamembertConfig, async () => (await import('./text/roberta')).camembert],
  [Data2VecTextConfig, async () => (await import('./text/roberta')).data2vecText],
  [XLMRobertaXLConfig, async () => (await import('./text/xlm-roberta-xl')).xlmRobertaXL],
  [RobertaPreLayerNormConfig, async () => (await import('./text/roberta-prelayernorm')).robertaPreLayerNorm],
  [ErnieConfig, async () => (await import('./text/ernie')).ernie],
  [MegatronBertConfig, async () => (await import('./text/megatron-bert')).megatronBert],
  [ElectraConfig, async () => (await import('./text/electra')).electra],
  [AlbertConfig, async () => (await import('./text/albert')).albert],
  [RemBertConfig, async () => (await import('./text/rembert')).rembert],
  [DistilBertConfig, async () => (await import('./text/distilbert')).distilbert],
  [MPNetConfig, async () => (await import('./text/mpnet')).mpnet],
  [DebertaConfig, async () => (await import('./text/deberta')).deberta],
  [DebertaV2Config, async () => (await import('./text/deberta-v2')).debertaV2],
  [ModernBertConfig, async () => (await import('./text/modernbert')).modernbert],
  [NomicBertConfig, async () => (await import('./text/nomic-bert')).nomicBert],
  [MobileBertConfig, async () => (await import('./text/mobilebert')).mobilebert],
  [CLIPTextConfig, async () => (await import('./text/clip-text')).clipText],
  [MetaClip2TextConfig, async () => (await import('./text/clip-text')).metaClip2Text],
  [SiglipTextConfig, async () => (await import('./text/siglip-text')).siglipText],
  [ChineseCLIPTextConfig, async () => (await import('./text/chinese-clip')).chineseClipText],
  [CoCaTextConfig, async () => (await import('./text/coca-text')).cocaText],
  [OpenCLIPTextConfig, async () => (await import('./text/open-clip-text')).openClipText],
  [AltCLIPTextConfig, async () => (await import('./text/altclip')).altClipText],
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
