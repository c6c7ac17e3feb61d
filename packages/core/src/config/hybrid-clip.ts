import { isJsonObject, type JsonObject } from './pretrained-config'

/** A tower's config under `text_config` or `text_config_dict`; the latter's values win, as in transformers' CLIPConfig. */
export function towerConfig(json: JsonObject, kind: 'text' | 'vision'): JsonObject | undefined {
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
