import { configClass } from '../../base/pretrained-config'
import type { VisionTowerModule } from '../tower'
import { MASK_TOKEN, VIT_DEFAULTS, vitForward } from './vit'

/** transformers' `DeiTConfig`. */
export class DeiTConfig extends /* @__PURE__ */ configClass('deit', VIT_DEFAULTS) {}

/** Touvron et al.'s ViT with a distillation token (transformers' `DeiTModel`). */
export const deit: VisionTowerModule<DeiTConfig> = {
  kind: 'vision',
  modelType: 'deit',
  config: DeiTConfig,
  staleNames: [MASK_TOKEN],
  forward: (ops, w, config, inputs, taps) =>
    vitForward(ops, w, config, inputs, taps, ['cls_token', 'distillation_token'], { kind: 'zeros' }),
}
