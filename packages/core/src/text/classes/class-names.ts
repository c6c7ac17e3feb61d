import { isJsonObject, type JsonObject } from '../../base/pretrained-config'
import { CLASSES, type TokenizerClass } from './classes'

/** transformers' `TOKENIZER_MAPPING_NAMES`, as far as models that are read here go. */
const BY_MODEL_TYPE: Readonly<Record<string, string>> = {
  albert: 'AlbertTokenizer',
  bert: 'BertTokenizer',
  camembert: 'CamembertTokenizer',
  chinese_clip: 'BertTokenizer',
  clip: 'CLIPTokenizer',
  'data2vec-text': 'RobertaTokenizer',
  deberta: 'DebertaTokenizer',
  'deberta-v2': 'DebertaV2Tokenizer',
  distilbert: 'BertTokenizer',
  electra: 'BertTokenizer',
  ernie: 'BertTokenizer',
  gemma: 'GemmaTokenizer',
  jina_embeddings_v3: 'XLMRobertaTokenizer',
  metaclip_2: 'XLMRobertaTokenizer',
  mobilebert: 'MobileBertTokenizer',
  modernbert: 'TokenizersBackend',
  mpnet: 'MPNetTokenizer',
  nomic_bert: 'BertTokenizer',
  rembert: 'RemBertTokenizer',
  roberta: 'RobertaTokenizer',
  'roberta-prelayernorm': 'RobertaTokenizer',
  siglip: 'SiglipTokenizer',
  siglip2: 'Siglip2Tokenizer',
  t5: 'T5Tokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
  'xlm-roberta-xl': 'TokenizersBackend',
}

/** Model types whose checkpoints often name the wrong class (`MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`). */
const KNOWS_BETTER: ReadonlySet<string> = new Set(['modernbert', 'siglip2'])

/** Other names of a class. */
const ALIASES: Readonly<Record<string, string>> = {
  Bart: 'Roberta',
  ConvBert: 'Bert',
  Electra: 'Bert',
  LayoutLM: 'Bert',
  Longformer: 'Roberta',
  MobileBert: 'Bert',
  SqueezeBert: 'Bert',
}

const isString = (value: unknown): value is string => typeof value === 'string' && value !== ''

/**
 * The class that AutoTokenizer takes: the one that `tokenizer_config.json` (else `config.json`) names, with or without
 * "Fast", or the one of the model type. Undefined = TokenizersBackend, which is what `tokenizer.json` says.
 */
export function classNameOf(tokenizerConfig: JsonObject, config: JsonObject | undefined): string | undefined {
  const named = [tokenizerConfig.tokenizer_class, config?.tokenizer_class].find(isString)?.replace(/Fast$/, '')
  const type = String(config?.model_type ?? '')
  const registered = Object.hasOwn(BY_MODEL_TYPE, type) ? BY_MODEL_TYPE[type] : undefined
  if (named === undefined || named === registered) return registered
  if (registered === undefined) return named
  if (registered === 'TokenizersBackend') return undefined
  return KNOWS_BETTER.has(type) ? registered : named
}

/** Names the class of a slow tokenizer whose files say nothing: the text tower's. */
export function classOfTower(config: JsonObject | undefined): string | undefined {
  const tower = config && isJsonObject(config.text_config) ? config.text_config : config
  return classNameOf({}, tower)
}

/** By name; undefined for classes that add nothing to `tokenizer.json`, or are not known. */
export function tokenizerClass(name: string | undefined): TokenizerClass | undefined {
  const short = name?.replace(/Tokenizer$/, '') ?? ''
  const full = `${Object.hasOwn(ALIASES, short) ? ALIASES[short] : short}Tokenizer`
  return CLASSES.find((each) => each.name === full)
}
