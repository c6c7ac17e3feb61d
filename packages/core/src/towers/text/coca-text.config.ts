import { configClass, derived } from '../../base/pretrained-config'
import { CLIP_TEXT_DEFAULTS } from './clip-text.config'

/** open_clip's `CLIPTextCfg` with `embed_cls`, by transformers' names where those have one. */
export class CoCaTextConfig
  extends /* @__PURE__ */ configClass(
    'coca_text_model',
    /* @__PURE__ */ derived(CLIP_TEXT_DEFAULTS, {
      hiddenAct: 'gelu',
      padTokenId: 0,
      /** Of the tokens and the class token behind them. */
      maxPositionEmbeddings: 77,
      /** A token attends to itself and to those before it. */
      causal: true,
      /** Values of the pooled output; `hiddenSize` and no layer unless given. */
      projectionSize: undefined as number | undefined,
    }),
  ) {}
