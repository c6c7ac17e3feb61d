import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { checkOptions, OptionError } from '../../base/errors'
import { isHubName } from '../../files/hub/names'
import { openSource } from '../../files/source'
import { SOURCE_OPTIONS, type Source, type SourceOptions } from '../../files/types'
import { SENTENCE_PIECE } from '../../text/slow-files'
import { openWeights } from '../../weights/open'
import { configFiles } from '../read-config'

/** What configs and processors read, where it is there. */
const FILES = [
  'config.json',
  'open_clip_config.json',
  'processor_config.json',
  'preprocessor_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.json',
  '1_Pooling/config.json',
  '2_Dense/config.json',
]

/** What tokenizers are made of where there is no `tokenizer.json`. */
const SLOW_FILES = ['vocab.txt', 'vocab.json', 'merges.txt', ...SENTENCE_PIECE]

/** Fetches what `fromPretrained` of a model and its processor read, so that both work offline. */
export async function downloadModel(name: string, options: SourceOptions = {}): Promise<void> {
  checkOptions(options, SOURCE_OPTIONS, 'downloadModel')
  if (typeof name !== 'string' || !isHubName(name))
    throw new OptionError('bad-name', `downloadModel: "${String(name)}" is no model's name on the hub. Give org/name.`)
  const source = await openSource(name, options, true)
  const found = await fetchFiles(source)
  const { openClip } = await configFiles(source)
  await openWeights(source, 'auto', openClip !== undefined)
  if (found.has('2_Dense/config.json')) await openWeights(await openSource(source, { subfolder: '2_Dense' }))
  // A text tower of transformers, of which open_clip's config names where its own config and its tokenizer lie.
  for (const other of openClip ? namedIn(openClip) : []) if (source.other) await fetchFiles(await source.other(other))
}

async function fetchFiles(source: Source): Promise<Set<string>> {
  const found = new Set<string>()
  const fetchAll = async (files: readonly string[]) => {
    for (const file of files) if ((await source.size?.(file)) !== undefined) found.add(file)
  }
  await fetchAll(FILES)
  // SigLIP's tokenizer reads its own file all the same.
  await fetchAll(found.has('tokenizer.json') ? ['spiece.model'] : SLOW_FILES)
  return found
}

function namedIn({ model_cfg: model }: JsonObject): string[] {
  const text = isJsonObject(model) && isJsonObject(model.text_cfg) ? model.text_cfg : {}
  const names = [text.hf_model_name, text.hf_tokenizer_name]
  return [...new Set(names.filter((name) => typeof name === 'string' && isHubName(name)) as string[])]
}
