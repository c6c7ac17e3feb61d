import type { JsonObject } from '../../base/pretrained-config'
import { type Source, type SourceLike, splitOptions } from '../../files/types'
import { ImageProcessor } from '../../images'
import { Tokenizer } from '../../text'
import { type ProcessorOptions, VisionTextDualEncoderProcessor } from '../processor'

/** The processor of a folder that open_clip wrote: pictures by its `preprocess_cfg`, texts by its tokenizer's rules. */
export async function openClipProcessor(
  source: SourceLike,
  opened: Source,
  json: JsonObject,
  options: ProcessorOptions,
): Promise<VisionTextDualEncoderProcessor> {
  const { imagesOf, textsOf } = await import('./settings')
  const { source: sourceOptions, rest } = splitOptions(options)
  const { imageProcessor, tokenizer = source, ...image } = rest
  const isOwn = imageProcessor === undefined && !(await opened.read('preprocessor_config.json', [0, 1]))
  const [images, texts] = await Promise.all([
    isOwn
      ? new ImageProcessor(imagesOf(json), image)
      : ImageProcessor.fromPretrained(imageProcessor ?? source, { ...image, ...sourceOptions }),
    Tokenizer.fromPretrained(tokenizer, sourceOptions),
  ])
  return new VisionTextDualEncoderProcessor(images, texts, textsOf(json))
}
