import type { JsonObject } from './pretrained-config'

/** Config values that transformers 5 takes as Python floats only: `1` in place of `1.0` is refused there. */
const FLOATS = new Set([
  'attention_probs_dropout_prob',
  'auxiliary_loss_weight',
  'batch_norm_eps',
  'batch_norm_momentum',
  'classifier_dropout',
  'depth_coefficient',
  'hidden_dropout_prob',
  'initializer_cutoff_factor',
  'initializer_factor',
  'initializer_range',
  'layer_norm_eps',
  'layer_norm_init',
  'layer_scale_init_value',
  'layerscale_value',
  'logit_scale_init_value',
  'mask_ratio',
  'norm_eps',
  'pos_embed_jitter',
  'pos_embed_rescale',
  'pos_embed_shift',
  'rms_norm_eps',
  'rope_theta',
  'squeeze_expansion_ratio',
  'width_coefficient',
])
/** The same of one model's config, where another's takes whole numbers only (DINOv2 has its `mlp_ratio` as one). */
const FLOATS_OF: Readonly<Record<string, readonly string[]>> = {
  hiera: ['mlp_ratio'],
  swinv2: ['mlp_ratio'],
}
const MARK = '\u0000float:'

/** The text of a `config.json` that Python reads as it wrote it: whole floats keep their `.0`. */
export function pythonJson(json: JsonObject): string {
  const text = JSON.stringify(
    json,
    function (this: JsonObject, key, value: unknown) {
      const isFloat = FLOATS.has(key) || FLOATS_OF[String(this.model_type)]?.includes(key)
      return isFloat && Number.isInteger(value) ? `${MARK}${String(value)}` : value
    },
    2,
  )
  return text.replace(/"\\u0000float:(-?\d+)"/g, '$1.0')
}
