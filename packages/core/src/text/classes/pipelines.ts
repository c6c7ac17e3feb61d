import type { JsonObject } from '../../base/pretrained-config'
import type { TokenName } from './token-names'

/** A vocabulary as `tokenizer.json` or the files of a slow tokenizer give it. */
export interface Vocabulary {
  /** Ids by token, or for Unigram tokens with their scores. */
  readonly vocab: unknown
  readonly merges?: unknown
  /** SentencePiece's `precompiled_charsmap` in base64. */
  readonly charsmap?: string | undefined
  /** The unknown token's id, where a SentencePiece file says it. */
  readonly unkId?: number | undefined
}

/** What a class builds anew, whatever `tokenizer.json` says: transformers takes only its vocabulary from there. */
export interface Pipeline {
  readonly model: JsonObject
  readonly normalizer: JsonObject | null
  readonly pre_tokenizer: JsonObject | null
  readonly decoder: JsonObject
}

/** A class's view of the settings. */
export interface Switches {
  /** A boolean of `tokenizer_config.json`, or the class's default where it is absent. */
  is(name: string, otherwise: boolean): boolean
  raw(name: string): unknown
  /** The content of a named token. */
  token(name: TokenName): string
}

export function wordPiece({ vocab }: Vocabulary, switches: Switches): Pipeline {
  return {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: switches.is('tokenize_chinese_chars', true),
      strip_accents: typeof switches.raw('strip_accents') === 'boolean' ? switches.is('strip_accents', true) : null,
      lowercase: switches.is('do_lower_case', true),
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: switches.token('unk_token'),
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: vocab as JsonObject,
    },
  }
}

const byteLevel = (addPrefixSpace: boolean): JsonObject => ({
  type: 'ByteLevel',
  add_prefix_space: addPrefixSpace,
  trim_offsets: true,
  use_regex: true,
})

const bpe = ({ vocab, merges }: Vocabulary, more: JsonObject = {}): JsonObject => ({
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: '',
  end_of_word_suffix: '',
  fuse_unk: false,
  ...more,
  vocab: vocab as JsonObject,
  merges: merges as JsonObject[],
})

export const byteLevelBpe = (vocabulary: Vocabulary, switches: Switches): Pipeline => ({
  normalizer: null,
  pre_tokenizer: byteLevel(switches.is('add_prefix_space', false)),
  decoder: byteLevel(true),
  model: bpe(vocabulary),
})

const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

const replace = (pattern: JsonObject, content: string): JsonObject => ({ type: 'Replace', pattern, content })
const sequence = (normalizers: readonly JsonObject[]): JsonObject => ({ type: 'Sequence', normalizers })

export const clip = (vocabulary: Vocabulary, switches: Switches): Pipeline => ({
  normalizer: sequence([{ type: 'NFC' }, replace({ Regex: '\\s+' }, ' '), { type: 'Lowercase' }]),
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: CLIP_WORDS }, behavior: 'Removed', invert: true },
      byteLevel(false),
    ],
  },
  decoder: byteLevel(true),
  model: bpe(vocabulary, { unk_token: switches.token('unk_token'), end_of_word_suffix: '</w>' }),
})

/** Gemma's: spaces become `▁`, and characters that the vocabulary lacks their UTF-8 bytes. */
export const gemma =
  (lowers: boolean) =>
  (vocabulary: Vocabulary, switches: Switches): Pipeline => ({
    normalizer: lowers
      ? sequence([{ type: 'Lowercase' }, replace({ String: ' ' }, '▁')])
      : replace({ String: ' ' }, '▁'),
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    decoder: {
      type: 'Sequence',
      decoders: [replace({ String: '▁' }, ' '), { type: 'ByteFallback' }, { type: 'Fuse' }],
    },
    model: bpe(vocabulary, {
      unk_token: switches.token('unk_token'),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
    }),
  })

const metaspace = (prepend_scheme: 'always' | 'first' | 'never'): JsonObject => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme,
  split: true,
})
const afterSpaces = (step: JsonObject): JsonObject => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'WhitespaceSplit' }, step],
})
const unigram = (vocab: unknown, unkId: number): JsonObject => ({
  type: 'Unigram',
  unk_id: unkId,
  vocab: vocab as JsonObject[],
  byte_fallback: false,
})
const precompiled = (charsmap: string | undefined): JsonObject[] =>
  charsmap ? [{ type: 'Precompiled', precompiled_charsmap: charsmap }] : []

/** XLM-R's, CamemBERT's and T5's. */
export const words =
  (
    unkId: (vocabulary: Vocabulary, switches: Switches) => number,
    addsPrefixSpace = (switches: Switches) => switches.is('add_prefix_space', true),
  ) =>
  (vocabulary: Vocabulary, switches: Switches): Pipeline => {
    const step = metaspace(addsPrefixSpace(switches) ? 'always' : 'never')
    return {
      normalizer: precompiled(vocabulary.charsmap)[0] ?? null,
      pre_tokenizer: afterSpaces(step),
      decoder: step,
      model: unigram(vocabulary.vocab, unkId(vocabulary, switches)),
    }
  }

export const tokenIn = (vocab: unknown, token: string): number =>
  Array.isArray(vocab) ? vocab.findIndex((piece) => Array.isArray(piece) && piece[0] === token) : -1

const QUOTES = [/* @__PURE__ */ replace({ String: '``' }, '"'), /* @__PURE__ */ replace({ String: "''" }, '"')]

/** What ALBERT and RemBERT do before the charsmap. */
const cleaning = (switches: Switches, lowers: boolean, keepsAccents: boolean): JsonObject[] => [
  ...(switches.is('keep_accents', keepsAccents) ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
  ...(switches.is('do_lower_case', lowers) ? [{ type: 'Lowercase' }] : []),
]

export function albert({ vocab, charsmap }: Vocabulary, switches: Switches): Pipeline {
  const step = metaspace(switches.is('add_prefix_space', true) ? 'always' : 'never')
  return {
    normalizer: sequence([...QUOTES, ...cleaning(switches, true, false), ...precompiled(charsmap)]),
    pre_tokenizer: afterSpaces(step),
    decoder: step,
    model: unigram(vocab, 1),
  }
}

export function rembert({ vocab, charsmap }: Vocabulary, switches: Switches): Pipeline {
  const step = metaspace(switches.is('add_prefix_space', true) ? 'always' : 'never')
  const spaces = replace({ Regex: ' {2,}' }, ' ')
  return {
    normalizer: sequence([...QUOTES, spaces, ...cleaning(switches, false, true), ...precompiled(charsmap)]),
    pre_tokenizer: step,
    decoder: step,
    model: unigram(vocab, 2),
  }
}

export function debertaV2({ vocab, unkId }: Vocabulary, switches: Switches): Pipeline {
  const step = metaspace(switches.is('add_prefix_space', true) ? 'always' : 'first')
  const unknown = tokenIn(vocab, switches.token('unk_token'))
  const isScoredZero = Array.isArray(vocab) && (vocab[unknown] as unknown[] | undefined)?.[1] === 0
  const given = unkId ?? switches.raw('unk_id')
  return {
    normalizer: sequence([
      ...(switches.is('do_lower_case', false) ? [{ type: 'Lowercase' }] : []),
      replace({ Regex: '\\s{2,}|[\\n\\r\\t]' }, ' '),
      { type: 'NFC' },
      { type: 'Strip', strip_left: false, strip_right: true },
    ]),
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...(switches.is('split_by_punct', false) ? [{ type: 'Punctuation', behavior: 'Isolated' }] : []),
        step,
      ],
    },
    decoder: step,
    model: unigram(vocab, isScoredZero ? unknown : typeof given === 'number' ? given : 1),
  }
}
