import { checkOptions, OptionError } from '../../base/errors'
import { isHubName } from '../../files/hub/names'
import { openSource } from '../../files/source'
import { SOURCE_OPTIONS, type SourceOptions } from '../../files/types'
import { openWeights } from '../../weights/open'

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
]

/** What tokenizers are made of where there is no `tokenizer.json`. */
const SLOW_FILES = ['vocab.txt', 'vocab.json', 'merges.txt', 'sentencepiece.bpe.model', 'spiece.model']

/** Fetches what `fromPretrained` of a model and its processor read, so that both work offline. */
export async function downloadModel(name: string, options: SourceOptions = {}): Promise<void> {
  checkOptions(options, SOURCE_OPTIONS, 'downloadModel')
  if (typeof name !== 'string' || !isHubName(name))
    throw new OptionError('bad-name', `downloadModel: "${String(name)}" is no model's name on the hub. Give org/name.`)
  const source = await openSource(name, options, true)
  const found = new Set<string>()
  const fetchAll = async (files: readonly string[]) => {
    for (const file of files) if ((await source.size?.(file)) !== undefined) found.add(file)
  }
  await fetchAll(FILES)
  if (!found.has('tokenizer.json')) await fetchAll(SLOW_FILES)
  await openWeights(source)
}
