import { SourceError, TokenizerError } from '../base/errors'
import type { JsonObject } from '../base/pretrained-config'
import { readJson, readWhole } from '../files/source'
import type { Source } from '../files/types'
import { base64Of } from '../platform/base64'
import { tokenizerClass } from './classes/class-names'
import type { TokenizerClass } from './classes/classes'
import type { Vocabulary } from './classes/pipelines'
import type { TokenName } from './classes/token-names'
import { type AddedToken, addedToken } from './engine/added-tokens'
import { CONTROL, readSentencePiece, type SentencePieceModel, USER_DEFINED } from './sentencepiece'

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

/** The vocabulary of a slow tokenizer. */
export interface SlowFiles {
  readonly type: TokenizerClass
  /** `token`: the content of a named token. */
  vocabulary(token: (name: TokenName) => string): Vocabulary
  /** Control and user-defined pieces of a SentencePiece file. */
  readonly extra: readonly AddedToken[] | undefined
}

/**
 * Reads the files of a slow tokenizer. `name`: of its class; where nothing names one, the files tell.
 * @throws TokenizerError where the class does not read such files, SourceError where there are none
 */
export async function readSlowFiles(files: Source, name: string | undefined, config: JsonObject): Promise<SlowFiles> {
  const text = async (file: string) => {
    const bytes = await readWhole(files, file)
    return bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }
  const classFor = (model: TokenizerClass['model'], guess: string): TokenizerClass => {
    const type = tokenizerClass(name ?? guess)
    if (type?.model === model && !(model === 'BPE' && type.paddingSide === 'left')) return type
    throw new TokenizerError(
      'unsupported-tokenizer',
      `The files of ${name ?? 'this tokenizer'} in ${files.describe} cannot be read without tokenizer.json. ` +
        'Save it from Python: AutoTokenizer.from_pretrained(...).save_pretrained(...).',
    )
  }
  const own = tokenizerClass(name)?.sentencePiece
  for (const file of own ? [own, ...SENTENCE_PIECE] : SENTENCE_PIECE) {
    const bytes = await readWhole(files, file)
    if (!bytes) continue
    const type = classFor('Unigram', 'XLMRobertaTokenizer')
    return sentencePiece(type, readSentencePiece(bytes), config)
  }
  const merges = await text('merges.txt')
  const vocab = merges === undefined ? undefined : await readJson(files, 'vocab.json')
  if (merges !== undefined && vocab) {
    const type = classFor('BPE', Object.hasOwn(vocab, '<|endoftext|>') ? 'CLIPTokenizer' : 'RobertaTokenizer')
    return { type, vocabulary: () => ({ vocab, merges: mergesOf(merges) }), extra: undefined }
  }
  const lines = await text('vocab.txt')
  if (lines !== undefined)
    return {
      type: classFor('WordPiece', 'BertTokenizer'),
      vocabulary: () => ({ vocab: vocabOf(lines) }),
      extra: undefined,
    }
  throw new SourceError(
    'tokenizer-not-found',
    `There is no tokenizer in ${files.describe}: it has none of tokenizer.json, ${SENTENCE_PIECE.join(', ')}, ` +
      'vocab.json with merges.txt, vocab.txt.',
  )
}

export const SENTENCE_PIECE = ['sentencepiece.bpe.model', 'spiece.model', 'sentencepiece.model', 'spm.model']

/** A token on each line; of a token that comes twice the last. */
function vocabOf(text: string): JsonObject {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
  return Object.fromEntries(lines.map((token, id) => [token.trimEnd(), id]))
}

function mergesOf(text: string): string[] {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#version'))
}

function sentencePiece(type: TokenizerClass, model: SentencePieceModel, config: JsonObject): SlowFiles {
  const added = model.pieces.filter((piece) => piece.type === CONTROL || piece.type === USER_DEFINED)
  return {
    type,
    extra: added.map((piece) =>
      addedToken({ content: piece.token, special: piece.type === CONTROL, normalized: false }),
    ),
    vocabulary: (token) => ({
      vocab: arranged(type.name, model, token, config),
      charsmap: model.charsmap.length === 0 ? undefined : base64Of([model.charsmap]),
      unkId: model.unkId,
    }),
  }
}

/**
 * Pieces as the converters of transformers order them: XLM-R's ids are those of the file moved by one behind
 * `<s> <pad> </s> <unk>`; CamemBERT's have its own `NOTUSED` tokens in front; T5's sentinels come last.
 */
function arranged(
  name: string,
  { pieces }: SentencePieceModel,
  token: (name: TokenName) => string,
  { extra_ids: extraIds }: JsonObject,
): [string, number][] {
  const own = pieces.map(({ token: piece, score }): [string, number] => [piece, score])
  const [pad, unk, mask] = [token('pad_token'), token('unk_token'), token('mask_token')]
  const front = (...tokens: string[]) => tokens.map((each): [string, number] => [each, 0])
  if (name === 'XLMRobertaTokenizer')
    return [...front(token('bos_token'), pad, token('eos_token'), unk), ...own.slice(3), [mask, 0]]
  if (name === 'CamembertTokenizer')
    return [...front('<s>NOTUSED', pad, '</s>NOTUSED', unk), ['<unk>NOTUSED', -100], ...own.slice(1), [mask, 0]]
  if (name !== 'T5Tokenizer') return own
  const sentinels = Array.from({ length: typeof extraIds === 'number' ? extraIds : 100 }, (_, i) => `<extra_id_${i}>`)
  return [...own, ...front(...sentinels.reverse())]
}
