import { isJsonObject, type JsonObject } from '../base/pretrained-config'
import { DUAL_ENCODER, familyOf } from './families'

/** A tower's config under `text_config` or `text_config_dict`; the latter's values win, as in transformers' CLIPConfig. */
function partOf(json: JsonObject, kind: 'text' | 'vision'): JsonObject | undefined {
  const [config, dict] = [json[`${kind}_config`], json[`${kind}_config_dict`]]
  if (isJsonObject(dict)) return { ...(isJsonObject(config) ? config : {}), ...dict }
  return isJsonObject(config) ? config : undefined
}

/** The vision part of a nested CLIP config, or the vision config itself under its present type. */
function hybridVision(json: JsonObject | undefined): JsonObject | undefined {
  if (json?.model_type !== 'clip') return json
  return { ...(partOf(json, 'vision') ?? json), model_type: 'clip_vision_model' }
}

/**
 * The config of transformers' Flax example `hybrid-clip` (clip-italian and its kin) as the
 * vision-text-dual-encoder that it became; any other config as it is.
 */
export function presentConfig(json: JsonObject): JsonObject {
  if (json.model_type !== 'hybrid-clip') return json
  const { architectures: _, text_config_dict: __, vision_config_dict: ___, ...rest } = json
  return {
    ...rest,
    model_type: DUAL_ENCODER.modelType,
    text_config: partOf(json, 'text'),
    vision_config: hybridVision(partOf(json, 'vision')),
  }
}

/**
 * A tower's part of a `config.json`: of a pair, of a whole CLIP, SigLIP and so on (whose part may not say its own
 * `model_type`), or the config itself.
 */
export function towerConfigOf(json: JsonObject, kind: 'text' | 'vision'): JsonObject {
  const towers = familyOf(json.model_type)?.towers
  if (towers) return { ...(partOf(json, kind) ?? json), model_type: towers[kind] }
  const part = json[`${kind}_config`]
  return familyOf(json.model_type) && isJsonObject(part) ? towerConfigOf(part, kind) : json
}
