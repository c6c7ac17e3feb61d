import type { JsonObject } from '../../base/pretrained-config'
import { openSource } from '../../files/source'
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
  const { imageProcessor, tokenizer, ...image } = rest
  const isOwn = imageProcessor === undefined && !(await opened.read('preprocessor_config.json', [0, 1]))
  const [images, texts] = await Promise.all([
    isOwn
      ? new ImageProcessor(imagesOf(json), image)
      : ImageProcessor.fromPretrained(imageProcessor ?? source, { ...image, ...sourceOptions }),
    tokenizer === undefined
      ? tokenizerOf(opened, tokenizerNameOf(json))
      : Tokenizer.fromPretrained(tokenizer, sourceOptions),
  ])
  return new VisionTextDualEncoderProcessor(images, texts, textsOf(json, texts))
}

/** Of the folder itself, or of where its `hf_tokenizer_name` says, which is where open_clip looks. */
async function tokenizerOf(opened: Source, name: string | undefined): Promise<Tokenizer> {
  const found = await Promise.all(TOKENIZER_FILES.map((file) => opened.read(file, [0, 1])))
  const isElsewhere = name !== undefined && found.every((bytes) => bytes === undefined)
  return Tokenizer.fromPretrained(isElsewhere ? await (opened.other ?? openSource)(name) : opened)
}

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'vocab.txt']
