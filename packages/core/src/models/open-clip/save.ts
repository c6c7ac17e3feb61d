import { ConfigError } from '../../base/errors'
import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { pythonJson } from '../../base/python-json'
import type { Target } from '../../files/target'
import { type OpenClipParts, toOpenClip } from '../../weights/formats/open-clip'
import { saveWeights, type SaveWeightsOptions } from '../../weights/save'
import type { DualEncoderConfig } from '../dual-encoder-config'
import type { LoadedModel } from '../load'

/**
 * Writes a model of the family `open_clip` as open_clip reads it: `open_clip_config.json` and
 * `open_clip_model.safetensors`. The config of a text tower of transformers lies under `text_config`, where we read it.
 */
export async function saveOpenClip(
  target: Target,
  model: LoadedModel,
  options: Partial<SaveWeightsOptions>,
): Promise<void> {
  const json = jsonOf(model.config)
  const { vision_cfg: vision, text_cfg: text } = json.model_cfg
  const parts = {
    vision: vision.timm_model_name ? timmPart(model.config.visionConfig.modelType) : 'vit',
    text: text.hf_model_name ? 'hf' : json.model_cfg.custom_text === true ? 'custom' : 'own',
  } as const
  if (options.maxShardSize !== undefined)
    throw new ConfigError('unsupported-option', 'maxShardSize: open_clip reads one file. Leave it out.')
  const weights = [...toOpenClip(model.weights, parts).values()]
  await saveWeights(target, weights, {
    dtype: options.dtype ?? 'float32',
    metadata: { format: 'pt' },
    file: 'open_clip_model.safetensors',
  })
  const { model_cfg, ...rest } = json
  const written = { model_cfg, ...rest, ...(parts.text === 'hf' && { text_config: model.config.textConfig.toJSON() }) }
  await target.write('open_clip_config.json', [new TextEncoder().encode(pythonJson(written))])
  // One of another family would be read before it.
  await target.remove('config.json')
}

const timmPart = (modelType: string): OpenClipParts['vision'] =>
  modelType === 'vit' ? 'timm-vit' : modelType === 'convnext' ? 'timm-convnext' : 'timm'

type OpenClipJson = JsonObject & {
  readonly model_cfg: JsonObject & { readonly vision_cfg: JsonObject; readonly text_cfg: JsonObject }
}

/** What the model was read from, with what has changed since: numbers of layers and of tokens. */
function jsonOf(config: DualEncoderConfig): OpenClipJson {
  const given = config.extra.open_clip
  if (!isJsonObject(given))
    throw new ConfigError(
      'bad-config',
      'This config was not read from an open_clip_config.json and cannot be saved as one.',
    )
  const { model_cfg: model, ...rest } = given as OpenClipJson
  const layers = config.visionConfig as unknown as { readonly numHiddenLayers: number }
  const text = config.textConfig
  return {
    ...rest,
    model_cfg: {
      ...model,
      vision_cfg: {
        ...model.vision_cfg,
        ...(model.vision_cfg.timm_model_name ? {} : { layers: layers.numHiddenLayers }),
      },
      text_cfg: {
        ...model.text_cfg,
        ...(model.text_cfg.hf_model_name ? {} : { layers: text.numHiddenLayers, vocab_size: text.vocabSize }),
      },
    },
  }
}
