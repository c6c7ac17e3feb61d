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
  const { imagesOf, textsOf, tokenizerNameOf } = await import('./settings')
  const { source: sourceOptions, rest } = splitOptions(options)
  const { imageProcessor, tokenizer = await tokenizerAt(source, opened, tokenizerNameOf(json)), ...image } = rest
  const isOwn = imageProcessor === undefined && !(await opened.read('preprocessor_config.json', [0, 1]))
  const [images, texts] = await Promise.all([
    isOwn
      ? new ImageProcessor(imagesOf(json), image)
      : ImageProcessor.fromPretrained(imageProcessor ?? source, { ...image, ...sourceOptions }),
    Tokenizer.fromPretrained(tokenizer, sourceOptions),
  ])
  return new VisionTextDualEncoderProcessor(images, texts, textsOf(json, texts))
}

/** The folder itself, or where its `hf_tokenizer_name` says, which is where open_clip looks. */
async function tokenizerAt(source: SourceLike, opened: Source, name: string | undefined): Promise<SourceLike> {
  if (name === undefined) return source
  const found = await Promise.all(TOKENIZER_FILES.map((file) => opened.read(file, [0, 1])))
  return found.some((bytes) => bytes !== undefined) ? source : name
}

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'vocab.txt']
