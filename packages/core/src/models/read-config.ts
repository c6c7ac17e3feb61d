import { ConfigError } from '../base/errors'
import type { JsonObject } from '../base/pretrained-config'
import { readJson } from '../files/source'
import type { Source } from '../files/types'
import { settleConfig } from './tower-configs'

/** A folder's `config.json`, or what its `open_clip_config.json` says in the same words; undefined where there is neither. */
async function findConfig(source: Source): Promise<JsonObject | undefined> {
  const json = await readJson(source, 'config.json')
  // timm's config.json names no model_type.
  if (json?.model_type !== undefined) return settleConfig(json)
  const openClip = await readJson(source, 'open_clip_config.json')
  if (!openClip) return json
  return (await import('./open-clip/config')).configOfOpenClip(openClip, source)
}

/** @throws ConfigError where a folder holds no config */
export async function readConfig(source: Source): Promise<JsonObject> {
  const json = await findConfig(source)
  if (!json)
    throw new ConfigError('no-config', `${source.describe} holds no config.json, and no open_clip_config.json.`)
  return json
}
