import { isJsonObject, type JsonObject } from '../base/pretrained-config'

/** A tower's config under `text_config` or `text_config_dict`; the latter's values win, as in transformers' CLIPConfig. */
function towerConfig(json: JsonObject, kind: 'text' | 'vision'): JsonObject | undefined {
  const [config, dict] = [json[`${kind}_config`], json[`${kind}_config_dict`]]
  if (isJsonObject(dict)) return { ...(isJsonObject(config) ? config : {}), ...dict }
  return isJsonObject(config) ? config : undefined
}

/** The vision part of a nested CLIP config, or the vision config itself under its present type. */
function visionConfig(json: JsonObject | undefined): JsonObject | undefined {
  if (json?.model_type !== 'clip') return json
  return { ...(towerConfig(json, 'vision') ?? json), model_type: 'clip_vision_model' }
}

/**
 * The config of transformers' Flax example `hybrid-clip` (clip-italian and its kin) as the
 * vision-text-dual-encoder that it became; any other config as it is.
 */
export function settleConfig(json: JsonObject): JsonObject {
  if (json.model_type !== 'hybrid-clip') return json
  const { architectures: _, text_config_dict: __, vision_config_dict: ___, ...rest } = json
  return {
    ...rest,
    model_type: 'vision-text-dual-encoder',
    text_config: towerConfig(json, 'text'),
    vision_config: visionConfig(towerConfig(json, 'vision')),
  }
}

/** Whole dual encoders of transformers whose vision tower can be taken, by their `model_type`. */
export const WHOLE_MODELS: ReadonlyMap<string, string> = new Map([
  ['clip', 'clip_vision_model'],
  ['siglip', 'siglip_vision_model'],
  ['chinese_clip', 'chinese_clip_vision_model'],
])

/**
 * The vision tower's part of a `config.json`: `vision_config` (or `vision_config_dict`) of a whole CLIP,
 * SigLIP or ChineseCLIP (whose own `model_type` may be missing), else the config itself.
 */
export function visionConfigOf(json: JsonObject): JsonObject {
  const whole = WHOLE_MODELS.get(String(json.model_type))
  return whole ? { ...(towerConfig(json, 'vision') ?? json), model_type: whole } : json
}
