import { poolingOf } from '../pooling'
import type { VisionTowerModule } from '../tower'
import type { IJepaConfig } from './ijepa.config'
import { VIT_STATE_DICT } from './state-dict-names'
import { MASK_TOKEN, vitForward } from './vit'

/** Assran et al.'s I-JEPA (transformers' `IJepaModel`): a ViT without a class token. */
export const ijepa: VisionTowerModule<IJepaConfig> = {
  kind: 'vision',
  modelType: 'ijepa',
  otherNames: VIT_STATE_DICT,
  staleNames: [MASK_TOKEN],
  suits: () => ({ pooling: 'mean', because: 'its own classifier takes the mean of the patches' }),
  forward(ops, w, config, inputs, taps) {
    poolingOf(config, false)
    return vitForward(ops, w, config, inputs, taps, { tokens: [], unpooled: true })
  },
}
