import { configClass, derived } from '../../base/pretrained-config'
import { BERT_DEFAULTS } from './bert.config'

/** transformers' `ErnieConfig`. */
export class ErnieConfig
  extends /* @__PURE__ */ configClass(
    'ernie',
    /* @__PURE__ */ derived(BERT_DEFAULTS, { taskTypeVocabSize: 3, useTaskId: false }),
  ) {}
