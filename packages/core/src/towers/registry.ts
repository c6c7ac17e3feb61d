import { ConfigError } from '../base/errors'
import { AlbertConfig } from './text/albert.config'
import { BertConfig } from './text/bert.config'
import { DebertaConfig, DebertaV2Config } from './text/deberta.config'
import { DistilBertConfig } from './text/distilbert.config'
import { ElectraConfig } from './text/electra.config'
import { ErnieConfig } from './text/ernie.config'
import { MobileBertConfig } from './text/mobilebert.config'
import { ModernBertConfig } from './text/modernbert.config'
import { MPNetConfig } from './text/mpnet.config'
import { NomicBertConfig } from './text/nomic-bert.config'
import { RemBertConfig } from './text/rembert.config'
import { CamembertConfig, Data2VecTextConfig, RobertaConfig, XLMRobertaConfig } from './text/roberta.config'
import { XLMRobertaXLConfig } from './text/xlm-roberta-xl.config'
import { AltCLIPTextConfig } from './text/altclip.config'
import { ChineseCLIPTextConfig } from './text/chinese-clip.config'
import { CLIPTextConfig, MetaClip2TextConfig } from './text/clip-text.config'
import { OpenCLIPVisionConfig } from './vision/open-clip.config'
import { CoCaTextConfig } from './text/coca-text.config'
import { OpenCLIPTextConfig } from './text/open-clip-text.config'
import { SiglipTextConfig } from './text/siglip-text.config'
import type { TextTowerModule, TowerConfigClass, VisionTowerModule } from './tower'
import { Aimv2VisionConfig } from './vision/aimv2.config'
import { BeitConfig, Data2VecVisionConfig } from './vision/beit.config'
import {
  AltCLIPVisionConfig,
  ChineseCLIPVisionConfig,
  CLIPVisionConfig,
  MetaClip2VisionConfig,
} from './vision/clip.config'
import { ConvNextConfig, ConvNextV2Config } from './vision/convnext.config'
import { DeiTConfig } from './vision/deit.config'
import { Dinov2Config, Dinov2WithRegistersConfig } from './vision/dinov2.config'
import { DINOv3ViTConfig } from './vision/dinov3.config'
import { EfficientNetConfig } from './vision/efficientnet.config'
import { HieraConfig } from './vision/hiera.config'
import { MLCDVisionConfig } from './vision/mlcd.config'
import { ResNetConfig } from './vision/resnet.config'
import { SiglipVisionConfig } from './vision/siglip.config'
import { SwinConfig, Swinv2Config } from './vision/swin.config'
import { ViTConfig, ViTMAEConfig, ViTMSNConfig } from './vision/vit.config'

/** A tower's config, which is always there, and its module with the forward pass, which is loaded when it is needed. */
export interface TowerEntry<M extends VisionTowerModule | TextTowerModule> {
  readonly config: TowerConfigClass<M extends VisionTowerModule ? 'vision' : 'text'>
  load(): Promise<M>
}

type Towers<M extends VisionTowerModule | TextTowerModule> = Readonly<Record<string, TowerEntry<M>>>

/** The vision towers by `model_type`. A new one is a module with its config, and a line here. */
export const VISION_TOWERS: Towers<VisionTowerModule> = {
  vit: { config: ViTConfig, load: async () => (await import('./vision/vit')).vit },
  deit: { config: DeiTConfig, load: async () => (await import('./vision/deit')).deit },
  beit: { config: BeitConfig, load: async () => (await import('./vision/beit')).beit },
  clip_vision_model: { config: CLIPVisionConfig, load: async () => (await import('./vision/clip')).clipVision },
  siglip_vision_model: { config: SiglipVisionConfig, load: async () => (await import('./vision/siglip')).siglipVision },
  open_clip_vision_model: {
    config: OpenCLIPVisionConfig,
    load: async () => (await import('./vision/open-clip')).openClipVision,
  },
  chinese_clip_vision_model: {
    config: ChineseCLIPVisionConfig,
    load: async () => (await import('./vision/clip')).chineseClipVision,
  },
  metaclip_2_vision_model: {
    config: MetaClip2VisionConfig,
    load: async () => (await import('./vision/clip')).metaClip2Vision,
  },
  altclip_vision_model: {
    config: AltCLIPVisionConfig,
    load: async () => (await import('./vision/clip')).altClipVision,
  },
  dinov2: { config: Dinov2Config, load: async () => (await import('./vision/dinov2')).dinov2 },
  dinov2_with_registers: {
    config: Dinov2WithRegistersConfig,
    load: async () => (await import('./vision/dinov2')).dinov2WithRegisters,
  },
  dinov3_vit: { config: DINOv3ViTConfig, load: async () => (await import('./vision/dinov3')).dinov3 },
  mlcd_vision_model: { config: MLCDVisionConfig, load: async () => (await import('./vision/mlcd')).mlcdVision },
  aimv2_vision_model: { config: Aimv2VisionConfig, load: async () => (await import('./vision/aimv2')).aimv2Vision },
  swin: { config: SwinConfig, load: async () => (await import('./vision/swin')).swin },
  swinv2: { config: Swinv2Config, load: async () => (await import('./vision/swin')).swinv2 },
  convnext: { config: ConvNextConfig, load: async () => (await import('./vision/convnext')).convnext },
  convnextv2: { config: ConvNextV2Config, load: async () => (await import('./vision/convnext')).convnextv2 },
  resnet: { config: ResNetConfig, load: async () => (await import('./vision/resnet')).resnet },
  efficientnet: { config: EfficientNetConfig, load: async () => (await import('./vision/efficientnet')).efficientnet },
  hiera: { config: HieraConfig, load: async () => (await import('./vision/hiera')).hiera },
  vit_msn: { config: ViTMSNConfig, load: async () => (await import('./vision/vit-unpooled')).vitMsn },
  vit_mae: { config: ViTMAEConfig, load: async () => (await import('./vision/vit-unpooled')).vitMae },
  'data2vec-vision': { config: Data2VecVisionConfig, load: async () => (await import('./vision/beit')).data2vecVision },
}

/** The text towers by `model_type`. */
const TEXT_TOWERS: Towers<TextTowerModule> = {
  bert: { config: BertConfig, load: async () => (await import('./text/bert')).bert },
  roberta: { config: RobertaConfig, load: async () => (await import('./text/roberta')).roberta },
  'xlm-roberta': { config: XLMRobertaConfig, load: async () => (await import('./text/roberta')).xlmRoberta },
  camembert: { config: CamembertConfig, load: async () => (await import('./text/roberta')).camembert },
  'data2vec-text': { config: Data2VecTextConfig, load: async () => (await import('./text/roberta')).data2vecText },
  'xlm-roberta-xl': {
    config: XLMRobertaXLConfig,
    load: async () => (await import('./text/xlm-roberta-xl')).xlmRobertaXL,
  },
  ernie: { config: ErnieConfig, load: async () => (await import('./text/ernie')).ernie },
  electra: { config: ElectraConfig, load: async () => (await import('./text/electra')).electra },
  albert: { config: AlbertConfig, load: async () => (await import('./text/albert')).albert },
  rembert: { config: RemBertConfig, load: async () => (await import('./text/rembert')).rembert },
  distilbert: { config: DistilBertConfig, load: async () => (await import('./text/distilbert')).distilbert },
  mpnet: { config: MPNetConfig, load: async () => (await import('./text/mpnet')).mpnet },
  deberta: { config: DebertaConfig, load: async () => (await import('./text/deberta')).deberta },
  'deberta-v2': { config: DebertaV2Config, load: async () => (await import('./text/deberta-v2')).debertaV2 },
  modernbert: { config: ModernBertConfig, load: async () => (await import('./text/modernbert')).modernbert },
  nomic_bert: { config: NomicBertConfig, load: async () => (await import('./text/nomic-bert')).nomicBert },
  mobilebert: { config: MobileBertConfig, load: async () => (await import('./text/mobilebert')).mobilebert },
  clip_text_model: { config: CLIPTextConfig, load: async () => (await import('./text/clip-text')).clipText },
  metaclip_2_text_model: {
    config: MetaClip2TextConfig,
    load: async () => (await import('./text/clip-text')).metaClip2Text,
  },
  siglip_text_model: { config: SiglipTextConfig, load: async () => (await import('./text/siglip-text')).siglipText },
  chinese_clip_text_model: {
    config: ChineseCLIPTextConfig,
    load: async () => (await import('./text/chinese-clip')).chineseClipText,
  },
  coca_text_model: { config: CoCaTextConfig, load: async () => (await import('./text/coca-text')).cocaText },
  open_clip_text_model: {
    config: OpenCLIPTextConfig,
    load: async () => (await import('./text/open-clip-text')).openClipText,
  },
  altclip_text_model: { config: AltCLIPTextConfig, load: async () => (await import('./text/altclip')).altClipText },
}

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
