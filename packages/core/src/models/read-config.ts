import { ConfigError } from '../base/errors'
import type { JsonObject } from '../base/pretrained-config'
import { readJson } from '../files/source'
import type { Source } from '../files/types'
import { npzOf } from '../weights/open'
import { presentConfig } from './tower-configs'

/**
 * What a folder says of its model: `config.json`, `open_clip_config.json` where that is not one of transformers, or where
 * there is neither the shapes of big_vision's `.npz`.
 */
export async function configFiles(
  source: Source,
): Promise<{ readonly json?: JsonObject; readonly openClip?: JsonObject }> {
  const json = await readJson(source, 'config.json')
  // timm's config.json names no model_type.
  if (json?.model_type !== undefined) return { json: presentConfig(json) }
  const openClip = await readJson(source, 'open_clip_config.json')
  if (openClip) return { openClip }
  const npz = json ? undefined : await npzOf(source)
  return { json: npz ? await (await import('./big-vision/config')).configOfBigVision(source, npz) : json }
}

/**
 * A folder's `config.json`, or what its `open_clip_config.json` says in the same words.
 * @throws ConfigError where there is neither
 */
export async function readConfig(source: Source): Promise<JsonObject> {
  const { json, openClip } = await configFiles(source)
  if (openClip) return (await import('./open-clip/config')).configOfOpenClip(openClip, source)
  if (json) return json
  throw new ConfigError('no-config', `${source.describe} holds no config.json, and no open_clip_config.json.`)
}
