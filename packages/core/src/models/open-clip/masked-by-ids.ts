import { MASK_OF_IDS } from '../../towers/inputs'
import type { TextTowerModule } from '../../towers/tower'

/** open_clip masks what is padding in the texts of transformers' towers, and nothing in those of its own. */
export const maskedByIds = (tower: TextTowerModule): TextTowerModule =>
  tower.seesPadding ? tower : { ...tower, inputs: { ...tower.inputs, attentionMask: MASK_OF_IDS } }
