import { configClass } from '../../base/pretrained-config'
import { VIT_BASE } from './vit.config'

/** transformers' `IJepaConfig`. */
export class IJepaConfig extends /* @__PURE__ */ configClass('ijepa', VIT_BASE) {}
