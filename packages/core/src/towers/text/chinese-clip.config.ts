import { configClass } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `ChineseCLIPTextConfig`. */
export class ChineseCLIPTextConfig extends /* @__PURE__ */ configClass('chinese_clip_text_model', BERT_DEFAULTS) {}
