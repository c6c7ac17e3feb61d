import { readJson } from '../files/source'
import type { Source } from '../files/types'
import type { JsonObject } from '../base/pretrained-config'
import { SourceError, TokenizerError } from '../base/errors'
import { contentOf, type Family, familyOf } from './family'
import { readSentencePiece, type SentencePieceModel } from './sentencepiece'

/** Classes that cut words with a program outside transformers. */
const OUTSIDE = /^(BertJapanese|Phobert|Herbert|CpmAnt|RoFormer|XLM(?!R)|Flaubert)/

/** @throws TokenizerError for tokenizers that need a segmenter from outside. */
export function checkSegmenter(config: JsonObject): void {
  const type = String(config.tokenizer_class ?? '')
  const word = config.word_tokenizer_type
  if (!OUTSIDE.test(type) && (word === undefined || word === null || word === 'basic')) return
  throw new TokenizerError(
    'needs-segmenter',
    `${type || 'This tokenizer'} needs a word segmenter outside transformers (MeCab, Sudachi, Juman++ ...), which does not ` +
      'run here. Tokenize in Python, or use a checkpoint whose tokenizer works by itself.',
  )
}

/** What tokenizer.json would be, from the files of slow tokenizers, as transformers' classes convert them. */
export async function fromSlowFormat(files: Source, config: JsonObject): Promise<JsonObject> {
  const converted = await convert(files, config)
  return { version: '1.0', truncation: null, padding: null, normalizer: null, pre_tokenizer: null, ...converted }
}

async function convert(files: Source, config: JsonObject): Promise<JsonObject> {
  const named = familyOf(String(config.tokenizer_class ?? ''))
  const text = async (name: string) => {
    const bytes = await files.read(name)
    return bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }
  const model = (await files.read('sentencepiece.bpe.model')) ?? (await files.read('spiece.model'))
  if (model) {
    const family = named ?? familyOf('XLMRoberta')
    if (family && (family.name === 'xlm-roberta' || family.name === 'camembert'))
      return unigram(readSentencePiece(model), tokensOf(family, config), family.name === 'camembert')
    throw unknownClass(config, files)
  }
  const merges = await text('merges.txt')
  const vocab = merges === undefined ? undefined : await readJson(files, 'vocab.json')
  if (merges !== undefined && vocab) {
    const family = named ?? (Object.hasOwn(vocab, '<|endoftext|>') ? familyOf('CLIP') : familyOf('Roberta'))
    if (family?.name === 'clip') return clip(vocab, mergesOf(merges), tokensOf(family, config))
    if (family?.name === 'roberta')
      return roberta(vocab, mergesOf(merges), tokensOf(family, config), config.add_prefix_space === true)
    throw unknownClass(config, files)
  }
  const lines = await text('vocab.txt')
  if (lines !== undefined) {
    const family = named ?? familyOf('Bert')
    if (family?.name === 'bert') return bert(lines, tokensOf(family, config), config)
    throw unknownClass(config, files)
  }
  throw new SourceError(
    'tokenizer-not-found',
    `There is no tokenizer in ${files.describe}: it has none of tokenizer.json, sentencepiece.bpe.model, spiece.model, ` +
      'vocab.json with merges.txt, vocab.txt.',
  )
}

const unknownClass = (config: JsonObject, files: Source) =>
  new TokenizerError(
    'unsupported-tokenizer',
    `The files of ${String(config.tokenizer_class)} in ${files.describe} cannot be read without tokenizer.json. ` +
      'Save it from Python: AutoTokenizer.from_pretrained(...).save_pretrained(...).',
  )

/** The family's special tokens, or the config's. */
function tokensOf(family: Family, config: JsonObject): Required<Omit<Family, 'name'>> {
  return {
    unkToken: contentOf(config.unk_token) ?? family.unkToken,
    padToken: contentOf(config.pad_token) ?? family.padToken,
    clsToken: contentOf(config.cls_token) ?? contentOf(config.bos_token) ?? family.clsToken,
    sepToken: contentOf(config.sep_token) ?? contentOf(config.eos_token) ?? family.sepToken,
    maskToken: contentOf(config.mask_token) ?? family.maskToken ?? '',
  }
}

type Tokens = ReturnType<typeof tokensOf>

/** Special tokens as transformers adds them: those that the vocabulary lacks get the next ids. */
function added(tokens: Tokens, ids: ReadonlyMap<string, number>, size: number, maskTakesSpace = false): JsonObject[] {
  const contents = [...new Set(Object.values(tokens))].filter(Boolean)
  let next = size
  return contents.map((content) => ({
    id: ids.get(content) ?? next++,
    content,
    special: true,
    normalized: false,
    single_word: false,
    lstrip: maskTakesSpace && content === tokens.maskToken,
    rstrip: false,
  }))
}

function idIn(list: readonly JsonObject[], content: string): number {
  return list.find((token) => token.content === content)?.id as number
}

function bert(lines: string, tokens: Tokens, config: JsonObject): JsonObject {
  const list = lines.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n')
  const ids = new Map(list.map((token, id) => [token, id]))
  const special = added(tokens, ids, list.length)
  const token = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } })
  const single = [token(tokens.clsToken), { Sequence: { id: 'A', type_id: 0 } }, token(tokens.sepToken)]
  return {
    added_tokens: special,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, { Sequence: { id: 'B', type_id: 1 } }, { SpecialToken: { id: tokens.sepToken, type_id: 1 } }],
      special_tokens: templateTokens([tokens.clsToken, tokens.sepToken], special),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: tokens.unkToken,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  }
}

const templateTokens = (contents: readonly string[], special: readonly JsonObject[]): JsonObject =>
  Object.fromEntries(contents.map((id) => [id, { id, ids: [idIn(special, id)], tokens: [id] }]))

function mergesOf(text: string): string[] {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  return lines.filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
}

const byteLevel = (addPrefixSpace: boolean): JsonObject => ({
  type: 'ByteLevel',
  add_prefix_space: addPrefixSpace,
  trim_offsets: true,
  use_regex: true,
})

/** Vocabulary, added tokens and the `<s> A </s></s> B </s>` of RoBERTa and CLIP. */
function bpe(vocab: JsonObject, merges: string[], tokens: Tokens, trims: boolean, prefixSpace: boolean): JsonObject {
  const ids = new Map(Object.entries(vocab) as [string, number][])
  const special = added(tokens, ids, ids.size)
  return {
    added_tokens: special,
    post_processor: {
      type: 'RobertaProcessing',
      sep: [tokens.sepToken, idIn(special, tokens.sepToken)],
      cls: [tokens.clsToken, idIn(special, tokens.clsToken)],
      trim_offsets: trims,
      add_prefix_space: prefixSpace,
    },
    decoder: byteLevel(true),
    model: { type: 'BPE', continuing_subword_prefix: '', fuse_unk: false, vocab, merges },
  }
}

function roberta(vocab: JsonObject, merges: string[], tokens: Tokens, prefixSpace: boolean): JsonObject {
  return { ...bpe(vocab, merges, tokens, true, prefixSpace), pre_tokenizer: byteLevel(prefixSpace) }
}

const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

function clip(vocab: JsonObject, merges: string[], tokens: Tokens): JsonObject {
  const json = bpe(vocab, merges, { ...tokens, maskToken: '' }, false, false)
  return {
    ...json,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: CLIP_WORDS }, behavior: 'Removed', invert: true },
        byteLevel(false),
      ],
    },
    model: { ...(json.model as JsonObject), unk_token: tokens.unkToken, end_of_word_suffix: '</w>' },
  }
}

/**
 * XLM-R's ids are those of the file moved by one behind `<s> <pad> </s> <unk>`; CamemBERT's have its own
 * `NOTUSED` tokens in front.
 */
function unigram({ pieces, charsmap }: SentencePieceModel, tokens: Tokens, isCamembert: boolean): JsonObject {
  const { clsToken, sepToken, padToken, unkToken, maskToken } = tokens
  const front: [string, number][] = isCamembert
    ? [[`${clsToken}NOTUSED`, 0], [padToken, 0], [`${sepToken}NOTUSED`, 0], [unkToken, 0], [`${unkToken}NOTUSED`, -100]] // prettier-ignore
    : [[clsToken, 0], [padToken, 0], [sepToken, 0], [unkToken, 0]] // prettier-ignore
  const vocab = [...front, ...pieces.slice(isCamembert ? 1 : 3), [maskToken, 0] as const]
  const special = added(tokens, new Map(vocab.map(([token], id) => [token, id])), vocab.length, isCamembert)
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const single = [token(clsToken), { Sequence: { id: 'A', type_id: 0 } }, token(sepToken)]
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  return {
    added_tokens: special,
    normalizer:
      charsmap.length === 0
        ? null
        : {
            type: 'Precompiled',
            precompiled_charsmap: btoa(Array.from(charsmap, (byte) => String.fromCharCode(byte)).join('')),
          },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, token(sepToken), { Sequence: { id: 'B', type_id: 0 } }, token(sepToken)],
      special_tokens: templateTokens([clsToken, sepToken], special),
    },
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: 3, vocab },
  }
}
