import type { JsonObject } from '../../base/pretrained-config'
import type { TokenName } from './token-names'
import {
  albert,
  byteLevelBpe,
  clip,
  debertaV2,
  gemma,
  type Pipeline,
  rembert,
  type Switches,
  tokenIn,
  type Vocabulary,
  wordPiece,
  words,
} from './pipelines'
import { bosEos, type IdOf, pairOfTypes, robertaProcessing, template, twoSeparators } from './post-processors'

/** What a tokenizer class takes where the files say nothing. */
export interface TokenDefaults {
  readonly name: string
  readonly tokens: Readonly<Partial<Record<TokenName, string | { content: string; lstrip: boolean }>>>
  readonly inputNames: readonly string[]
  readonly paddingSide: 'left' | 'right'
  readonly modelMaxLength?: number
  /** Special tokens are added once more at the end, as the config writes them. */
  readonly addsAgain?: boolean
  /** Special tokens without a name. */
  extraTokens?(config: JsonObject): readonly string[]
}

/** One of transformers' tokenizer classes that build their pipeline anew. */
export interface TokenizerClass extends TokenDefaults {
  readonly model: 'WordPiece' | 'BPE' | 'Unigram'
  /** The SentencePiece file of the slow tokenizer. */
  readonly sentencePiece?: string
  pipeline(vocabulary: Vocabulary, switches: Switches): Pipeline
  /** From that of `tokenizer.json`; absent = that one, or what `add_bos_token` and `add_eos_token` say. */
  postProcessor?(switches: Switches, idOf: IdOf, file: JsonObject | undefined): JsonObject
}

const ids = (...more: string[]) => ['input_ids', ...more, 'attention_mask']
const BRACKETS = {
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  unk_token: '[UNK]',
  pad_token: '[PAD]',
  mask_token: '[MASK]',
}
const ANGLES = {
  bos_token: '<s>',
  eos_token: '</s>',
  unk_token: '<unk>',
  sep_token: '</s>',
  pad_token: '<pad>',
  cls_token: '<s>',
  mask_token: '<mask>',
}

const T5_IDS = 100

const bert = {
  model: 'WordPiece',
  tokens: BRACKETS,
  paddingSide: 'right',
  pipeline: wordPiece,
  postProcessor: (switches, idOf) => pairOfTypes(switches.token('cls_token'), switches.token('sep_token'), idOf),
} as const satisfies Partial<TokenizerClass>

const right = { paddingSide: 'right' } as const

/** SigLIP's class, which reads `spiece.model` alone and runs SentencePiece itself. */
export const SIGLIP: TokenDefaults = {
  name: 'SiglipTokenizer',
  ...right,
  tokens: { eos_token: '</s>', unk_token: '<unk>', pad_token: '</s>' },
  inputNames: ids(),
  modelMaxLength: 64,
}

/** The classes that rebuild their pipeline; all others are what their `tokenizer.json` says. */
// Made by a call, so that bundlers may leave it out.
export const CLASSES: readonly TokenizerClass[] = /* @__PURE__ */ ((): TokenizerClass[] => [
  { name: 'BertTokenizer', ...bert, inputNames: ids('token_type_ids') },
  { name: 'DistilBertTokenizer', ...bert, inputNames: ids() },
  {
    name: 'MPNetTokenizer',
    ...right,
    model: 'WordPiece',
    tokens: { ...ANGLES, unk_token: '[UNK]', mask_token: { content: '<mask>', lstrip: true } },
    inputNames: ids(),
    pipeline: wordPiece,
    postProcessor: (switches, idOf) =>
      robertaProcessing([switches.token('cls_token'), switches.token('sep_token')], idOf, true, false),
  },
  {
    name: 'RobertaTokenizer',
    ...right,
    model: 'BPE',
    tokens: ANGLES,
    inputNames: ids(),
    pipeline: byteLevelBpe,
    postProcessor: (switches, idOf) =>
      robertaProcessing(
        [switches.token('cls_token'), switches.token('sep_token')],
        idOf,
        switches.is('trim_offsets', true),
        switches.is('add_prefix_space', false),
      ),
  },
  {
    name: 'DebertaTokenizer',
    ...right,
    model: 'BPE',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...BRACKETS },
    inputNames: [...ids(), 'token_type_ids'],
    pipeline: byteLevelBpe,
    postProcessor: (switches, idOf) => twoSeparators(switches.token('cls_token'), switches.token('sep_token'), idOf),
  },
  {
    name: 'CLIPTokenizer',
    ...right,
    model: 'BPE',
    tokens: {
      unk_token: '<|endoftext|>',
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
    },
    inputNames: ids(),
    pipeline: clip,
    postProcessor: (switches, idOf) =>
      robertaProcessing([switches.token('bos_token'), switches.token('eos_token')], idOf, false, false),
  },
  ...(['GemmaTokenizer', 'Siglip2Tokenizer'] as const).map((name): TokenizerClass => ({
    name,
    model: 'BPE',
    paddingSide: 'left',
    tokens: {
      bos_token: '<bos>',
      eos_token: '<eos>',
      unk_token: '<unk>',
      pad_token: '<pad>',
      mask_token: '<mask>',
    },
    inputNames: ids(),
    pipeline: gemma(name === 'Siglip2Tokenizer'),
  })),
  {
    name: 'XLMRobertaTokenizer',
    ...right,
    model: 'Unigram',
    tokens: ANGLES,
    inputNames: ids(),
    sentencePiece: 'sentencepiece.bpe.model',
    pipeline: words(() => 3),
    postProcessor: (switches, idOf) => twoSeparators(switches.token('bos_token'), switches.token('eos_token'), idOf),
  },
  {
    name: 'CamembertTokenizer',
    ...right,
    model: 'Unigram',
    tokens: { ...ANGLES, mask_token: { content: '<mask>', lstrip: true } },
    inputNames: ids(),
    sentencePiece: 'sentencepiece.bpe.model',
    extraTokens: () => ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
    pipeline: words(({ vocab }, switches) => Math.max(tokenIn(vocab, switches.token('unk_token')), 0)),
    postProcessor: (switches, idOf) => twoSeparators(switches.token('bos_token'), switches.token('eos_token'), idOf),
  },
  {
    name: 'T5Tokenizer',
    ...right,
    model: 'Unigram',
    tokens: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' },
    inputNames: ids(),
    sentencePiece: 'spiece.model',
    extraTokens: ({ extra_ids: count }) =>
      Array.from({ length: typeof count === 'number' ? count : T5_IDS }, (_, i) => `<extra_id_${i}>`),
    pipeline: words(
      () => 2,
      () => true,
    ),
    postProcessor: (switches, idOf) => template([['A', 0], ['</s>', 0]], [['A', 0], ['</s>', 0], ['B', 0], ['</s>', 0]], (token) => idOf(token === '</s>' ? switches.token('eos_token') : token)), // prettier-ignore
  },
  {
    name: 'AlbertTokenizer',
    ...right,
    model: 'Unigram',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...BRACKETS, unk_token: '<unk>', pad_token: '<pad>' },
    inputNames: ids(),
    sentencePiece: 'spiece.model',
    pipeline: albert,
    postProcessor(switches, idOf, file) {
      const isAsked = switches.raw('add_bos_token') !== undefined || switches.raw('add_eos_token') !== undefined
      return isAsked ? bosEos(switches, idOf) : (file ?? pairOfTypes('[CLS]', '[SEP]', idOf))
    },
  },
  {
    name: 'RemBertTokenizer',
    addsAgain: true,
    ...right,
    model: 'Unigram',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...BRACKETS, unk_token: '<unk>', pad_token: '<pad>' },
    inputNames: ids(),
    sentencePiece: 'sentencepiece.model',
    pipeline: rembert,
    // Python's slow files come to no [CLS] and [SEP] (transformers 5.24), and so they do here.
    postProcessor: (switches, idOf, file) =>
      file ? pairOfTypes(switches.token('cls_token'), switches.token('sep_token'), idOf) : bosEos(switches, idOf),
  },
  {
    name: 'DebertaV2Tokenizer',
    ...right,
    model: 'Unigram',
    tokens: { bos_token: '[CLS]', eos_token: '[SEP]', ...BRACKETS },
    inputNames: [...ids(), 'token_type_ids'],
    sentencePiece: 'spm.model',
    pipeline: debertaV2,
    postProcessor: (switches, idOf) => pairOfTypes(switches.token('cls_token'), switches.token('sep_token'), idOf),
  },
])()
