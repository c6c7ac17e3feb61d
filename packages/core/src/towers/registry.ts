import { towerConfig } from '../config/hybrid-clip'
import type { JsonObject } from '../config/pretrained-config'
import { ConfigError } from '../errors'
import { beit } from './beit'
import { bert } from './bert'
import { chineseClipVision, clipVision } from './clip'
import { deit } from './deit'
import { dinov2 } from './dinov2'
import { camembert, roberta, xlmRoberta } from './roberta'
import { siglipVision } from './siglip'
import type { TextTowerModule, VisionTowerModule } from './tower'
import { vit } from './vit'

type Towers<T> = ReadonlyMap<string, T>

const byModelType = <T extends { readonly modelType: string }>(towers: readonly T[]): Towers<T> =>
  new Map(towers.map((tower) => [tower.modelType, tower]))

/** The towers by `model_type`. A new one is a module of its own and a line here. */
export const VISION_TOWERS: Towers<VisionTowerModule> = /* @__PURE__ */ byModelType<VisionTowerModule>([
  vit,
  deit,
  beit,
  clipVision,
  siglipVision,
  chineseClipVision,
  dinov2,
])
const TEXT_TOWERS: Towers<TextTowerModule> = /* @__PURE__ */ byModelType<TextTowerModule>([
  bert,
  roberta,
  xlmRoberta,
  camembert,
])

/** Whole dual encoders of transformers whose vision tower can be taken, by their `model_type`. */
export const WHOLE_MODELS: ReadonlyMap<string, string> = new Map([
  ['clip', 'clip_vision_model'],
  ['siglip', 'siglip_vision_model'],
  ['chinese_clip', 'chinese_clip_vision_model'],
])

function towerOf<T>(towers: Towers<T>, kind: string, modelType: unknown): T {
  const tower = towers.get(String(modelType))
  if (tower) return tower
  const given =
    modelType === undefined ? 'config has no model_type' : `model_type "${String(modelType)}" is not supported`
  throw new ConfigError(
    'unsupported-model-type',
    `${kind} tower: ${given}. Should be one of: ${[...towers.keys()].join(', ')}.`,
  )
}

/** @throws ConfigError listing the vision towers there are. */
export const visionTowerOf = (modelType: unknown): VisionTowerModule => towerOf(VISION_TOWERS, 'Vision', modelType)
/** @throws ConfigError listing the text towers there are. */
export const textTowerOf = (modelType: unknown): TextTowerModule => towerOf(TEXT_TOWERS, 'Text', modelType)

/**
 * The vision tower's part of a `config.json`: `vision_config` (or `vision_config_dict`) of a whole CLIP,
 * SigLIP or ChineseCLIP (whose own `model_type` may be missing), else the config itself.
 */
export function visionConfigOf(json: JsonObject): JsonObject {
  const whole = WHOLE_MODELS.get(String(json.model_type))
  return whole ? { ...(towerConfig(json, 'vision') ?? json), model_type: whole } : json
}
