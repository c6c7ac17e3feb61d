import { configClass, derived } from '../../base/pretrained-config'
import { CLIP_VISION_DEFAULTS } from './clip.config'

/** open_clip's `CLIPVisionCfg` where no `CLIPVisionConfig` says the same, by transformers' names where those have one. */
export class OpenCLIPVisionConfig
  extends /* @__PURE__ */ configClass(
    'open_clip_vision_model',
    /* @__PURE__ */ derived(CLIP_VISION_DEFAULTS, {
      hiddenAct: 'gelu',
      /** Whether a norm lies before the layers. */
      preLayernorm: true,
      /** Learned queries of attention over all tokens, of which the first is the pooled output; no such pool unless given. */
      attnPoolerQueries: undefined as number | undefined,
      attnPoolerHeads: 8,
      /** Values of that pool's output. */
      projectionSize: undefined as number | undefined,
    }),
  ) {}
