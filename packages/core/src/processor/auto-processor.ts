import type { JsonObject } from '../base/pretrained-config'
import { openSource, readJson } from '../files/source'
import { type Source, type SourceLike, splitOptions } from '../files/types'
import { CLIP, type Family, familyOf, SIGLIP } from '../models/families'
import { configFiles } from '../models/read-config'
import type { TokenizerCallOptions } from '../text'
import { openClipProcessor } from './open-clip/processor'
import { type ProcessorOptions, VisionTextDualEncoderProcessor } from './processor'

/**
 * How a family's texts are made ready where the caller does not say. SigLIP was trained on texts padded to 64 tokens, and
 * is pooled at the last of them: so Python's zero-shot pipeline calls its processor (which by itself pads nothing).
 */
const TEXTS: Readonly<Record<string, TokenizerCallOptions>> = {
  [SIGLIP.modelType]: { padding: 'max_length', maxLength: 64, truncation: true },
}

const BY_PROCESSOR_CLASS: Readonly<Record<string, Family>> = { SiglipProcessor: SIGLIP, CLIPProcessor: CLIP }

/** The family that a folder is of, by `model_type` of its config, else by the processor that its files name; or open_clip's config. */
async function familyIn(source: Source): Promise<{ family?: Family; openClip?: JsonObject }> {
  const { json: config, openClip } = await configFiles(source)
  if (openClip) return { openClip }
  if (config) return { family: familyOf(config.model_type) }
  for (const file of ['processor_config.json', 'preprocessor_config.json', 'tokenizer_config.json']) {
    const name = (await readJson(source, file))?.processor_class
    if (typeof name === 'string' && Object.hasOwn(BY_PROCESSOR_CLASS, name)) return { family: BY_PROCESSOR_CLASS[name] }
  }
  return {}
}

/** transformers' `AutoProcessor` for models with two towers: `fromPretrained` knows how the family's texts are made ready. */
export const AutoProcessor = {
  async fromPretrained(source: SourceLike, options: ProcessorOptions = {}): Promise<VisionTextDualEncoderProcessor> {
    const opened = await openSource(source, splitOptions(options).source)
    const { family, openClip } = await familyIn(opened)
    if (openClip) return openClipProcessor(source, opened, openClip, options)
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(source, options)
    if (!family) return processor
    const { imageProcessor, tokenizer } = processor
    return new VisionTextDualEncoderProcessor(imageProcessor, tokenizer, {
      loss: family.loss,
      texts: TEXTS[family.modelType],
    })
  },
}
