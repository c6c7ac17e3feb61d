import { configClass } from '../../base/pretrained-config'
import { VIT_DEFAULTS } from './vit.config'

/** transformers' `DeiTConfig`. */
export class DeiTConfig extends /* @__PURE__ */ configClass('deit', VIT_DEFAULTS) {}
