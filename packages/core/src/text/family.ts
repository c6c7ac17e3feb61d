import { isJsonObject, type JsonObject } from '../base/pretrained-config'

/** What transformers' classes of tokenizers say where no file does. */
export interface Family {
  readonly name: 'bert' | 'roberta' | 'clip' | 'xlm-roberta' | 'camembert'
  readonly unkToken: string
  readonly padToken: string
  readonly clsToken: string
  readonly sepToken: string
  readonly maskToken?: string
}

const SENTENCES = { unkToken: '<unk>', padToken: '<pad>', clsToken: '<s>', sepToken: '</s>', maskToken: '<mask>' }

const FAMILIES: readonly [of: RegExp, family: Family][] = [
  [/^XLMRoberta/i, { name: 'xlm-roberta', ...SENTENCES }],
  [/^Camembert/i, { name: 'camembert', ...SENTENCES }],
  [/^Roberta/i, { name: 'roberta', ...SENTENCES }],
  [
    /^CLIP/i,
    {
      name: 'clip',
      unkToken: '<|endoftext|>',
      padToken: '<|endoftext|>',
      clsToken: '<|startoftext|>',
      sepToken: '<|endoftext|>',
    },
  ],
  [
    /^(Bert|ChineseCLIP|Electra|DistilBert)/i,
    {
      name: 'bert',
      unkToken: '[UNK]',
      padToken: '[PAD]',
      clsToken: '[CLS]',
      sepToken: '[SEP]',
      maskToken: '[MASK]',
    },
  ],
]

/** The family of a class (`XLMRobertaTokenizerFast`) or model type (`xlm-roberta`). */
export const familyOf = (type: string): Family | undefined =>
  FAMILIES.find(([of]) => of.test(type.replaceAll(/[-_]/g, '')))?.[1]

/** Classes whose `model_input_names` leave `token_type_ids` out. */
const WITHOUT_TOKEN_TYPES = /^(Roberta|XLMRoberta|Camembert|CLIP|GPT2|Siglip|MPNet|DistilBert)/

export function inputNamesOf(config: JsonObject): readonly string[] {
  if (Array.isArray(config.model_input_names)) return config.model_input_names.map(String)
  return WITHOUT_TOKEN_TYPES.test(String(config.tokenizer_class ?? ''))
    ? ['input_ids', 'attention_mask']
    : ['input_ids', 'token_type_ids', 'attention_mask']
}

/** A special token of a config: a string, or an object with its content. */
export function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  return isJsonObject(token) && typeof token.content === 'string' ? token.content : undefined
}
