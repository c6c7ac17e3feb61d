import { ConfigError } from '../base/errors'
import { beit } from './vision/beit'
import { bert } from './text/bert'
import { chineseClipVision, clipVision } from './vision/clip'
import { deit } from './vision/deit'
import { dinov2 } from './vision/dinov2'
import { camembert, roberta, xlmRoberta } from './text/roberta'
import { siglipVision } from './vision/siglip'
import type { TextTowerModule, VisionTowerModule } from './tower'
import { vit } from './vision/vit'

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
