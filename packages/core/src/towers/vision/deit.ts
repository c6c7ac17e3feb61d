import type { DeiTConfig } from './deit.config'
import type { VisionTowerModule } from '../tower'
import { VIT_STATE_DICT } from './state-dict-names'
import { MASK_TOKEN, vitForward } from './vit'

/** Touvron et al.'s ViT with a distillation token (transformers' `DeiTModel`). */
export const deit: VisionTowerModule<DeiTConfig> = {
  kind: 'vision',
  modelType: 'deit',
  staleNames: [MASK_TOKEN],
  otherNames: VIT_STATE_DICT,
  forward: (ops, w, config, inputs, taps) =>
    vitForward(ops, w, config, inputs, taps, { tokens: ['cls_token', 'distillation_token'], init: { kind: 'zeros' } }),
}
