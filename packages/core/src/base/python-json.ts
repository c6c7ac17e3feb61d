import { ConfigError } from './errors'
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
  const text = jsonText(json, 'The config', function (key, value) {
    const isFloat = FLOATS.has(key) || FLOATS_OF[String(this.model_type)]?.includes(key)
    return isFloat && Number.isInteger(value) ? `${MARK}${String(value)}` : value
  })
  return text.replace(/"\\u0000float:(-?\d+)"/g, '$1.0')
}

/**
 * Indented JSON, with a line feed at its end.
 * @param what names it where it cannot be written: nested thousands deep, in itself, or with a bigint
 */
export function jsonText(
  json: JsonObject,
  what: string,
  replacer?: (this: JsonObject, key: string, value: unknown) => unknown,
): string {
  try {
    return `${JSON.stringify(json, replacer, 2)}\n`
  } catch (cause) {
    const why = cause instanceof RangeError ? 'it is nested too deeply' : (cause as Error).message.split('\n')[0]
    throw new ConfigError('unwritable-config', `${what} cannot be written as JSON: ${why}. Take out that part.`, {
      cause,
    })
  }
}
