import { configClass, derived } from '../../base/pretrained-config'
import { CLIP_TEXT_DEFAULTS } from './clip-text.config'

/** open_clip's `CLIPTextCfg`, by transformers' names where those have one. */
export class OpenCLIPTextConfig
  extends /* @__PURE__ */ configClass(
    'open_clip_text_model',
    /* @__PURE__ */ derived(CLIP_TEXT_DEFAULTS, {
      hiddenAct: 'gelu',
      padTokenId: 0,
      /** Of `poolType` 'eos'. */
      eosTokenId: 2 as number | null,
      /** A token attends to itself and to those before it. */
      causal: true,
      /** Which token is taken: the first, the last, that of the largest id, the first `eosTokenId`; or `map`, a probe's attention to all. */
      poolType: 'argmax',
      /** Values of the pooled output; `hiddenSize` and no layer unless given. */
      projectionSize: undefined as number | undefined,
    }),
  ) {}
