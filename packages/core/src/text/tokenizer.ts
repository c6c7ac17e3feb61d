import { callable } from '../base/callable'
import { openSource, readJson, readWhole } from '../files/source'
import { SOURCE_OPTIONS, type SourceLike, type SourceOptions } from '../files/types'
import { openTarget, type TargetLike } from '../files/target'
import { isJsonObject, type JsonObject } from '../base/pretrained-config'
import { jsonText } from '../base/python-json'
import { checkOptions, InputError, TokenizerError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import { cleanUp } from './engine/decoders'
import type { TextEngine, Tokens } from './engine/engine'
import { PYTHON_SPACE, stripped } from './engine/unicode'
import { classNameOf, classOfTower } from './classes/class-names'
import { SIGLIP } from './classes/classes'
import { resolve, resolveSiglip, type Resolved } from './resolve'
import {
  type Lengths,
  lengthsOf,
  type Offset,
  oneOf,
  type Side,
  type TextInput,
  TOKENIZER_OPTIONS,
  type TokenizerCallOptions,
} from './options'
import { checkSegmenter, readSlowFiles } from './slow-files'
import { trimOffsets } from './trim-offsets'
import { keptLengths } from './truncate'

/** Rows of one length come as `[B, L]` int64, others as arrays. */
export type TokenRows = Tensor<'int64'> | number[][]

export interface TokenizerOutput<Rows extends TokenRows = TokenRows> {
  inputIds: Rows
  attentionMask?: Rows
  tokenTypeIds?: Rows
  specialTokensMask?: Rows
  offsetMapping?: Offset[][]
}

/** One text, or texts padded to the longest, are always a tensor. */
export interface TokenizerCall {
  (text: string, options?: TokenizerCallOptions): TokenizerOutput<Tensor<'int64'>>
  (texts: TextInput, options: TokenizerCallOptions & { padding: true | 'longest' }): TokenizerOutput<Tensor<'int64'>>
  (texts: TextInput, options?: TokenizerCallOptions): TokenizerOutput
}

interface Row {
  readonly ids: number[]
  readonly types: number[]
  readonly special: number[]
  readonly offsets: Offset[]
}

export interface TokenizerFiles {
  /** `tokenizer.json` */
  tokenizer: object
  /** `tokenizer_config.json` */
  tokenizerConfig?: object
  /** `special_tokens_map.json` */
  specialTokensMap?: object
  /** `added_tokens.json` */
  addedTokens?: object
  /** `config.json` of the model, whose type stands for a class that `tokenizerConfig` does not name. */
  config?: object
}

/** transformers' `PreTrainedTokenizerFast`: texts in, ids and masks out. */
export class Tokenizer
  extends /* @__PURE__ */ callable<[texts: TextInput, options?: TokenizerCallOptions], TokenizerOutput, TokenizerCall>()
{
  readonly modelInputNames: readonly string[]
  /** Where `truncation` ends a text that is given no `maxLength`; undefined = nowhere. */
  readonly modelMaxLength: number | undefined
  readonly padToken: string | undefined
  readonly paddingSide: Side
  readonly truncationSide: Side
  readonly #engine: TextEngine
  readonly #files: Resolved

  private constructor(files: Resolved) {
    super()
    const { tokenizer, config, type, tokens } = (this.#files = files)
    this.#engine = files.engine
    const names = config.model_input_names
    this.modelInputNames = Array.isArray(names) ? names.map(String) : (type?.inputNames ?? DEFAULT_NAMES)
    const length = config.model_max_length ?? config.max_len ?? type?.modelMaxLength
    this.modelMaxLength = typeof length === 'number' && length < 1e20 ? length : undefined
    const settings = { padding: objectOf(tokenizer.padding), truncation: objectOf(tokenizer.truncation) }
    this.padToken = tokens.get('pad_token')?.content ?? textOf(settings.padding.pad_token)
    const side = (kind: 'padding' | 'truncation', otherwise: Side): Side =>
      sideOf(kind, config[`${kind}_side`] ?? textOf(settings[kind].direction)?.toLowerCase() ?? otherwise)
    this.paddingSide = side('padding', type?.paddingSide ?? 'right')
    this.truncationSide = side('truncation', 'right')
  }

  /** From the files' contents. What they say is resolved as transformers does (docs/text.md). */
  static fromFiles(files: TokenizerFiles): Tokenizer {
    const { tokenizer, tokenizerConfig, config } = files
    if (!isJsonObject(tokenizer) || !isJsonObject(tokenizer.model))
      throw new TokenizerError('bad-tokenizer', 'tokenizer.json must be an object with a "model".')
    try {
      return new Tokenizer(resolve(files, classNameOf(objectOf(tokenizerConfig), objectOf(config))))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new TokenizerError('bad-tokenizer', 'tokenizer.json cannot be used: its parts are nested too deeply.')
    }
  }

  /** Reads `tokenizer.json`, or the files of a slow tokenizer, and what stands beside them. */
  static async fromPretrained(source: SourceLike, options: SourceOptions = {}): Promise<Tokenizer> {
    checkOptions(options, SOURCE_OPTIONS, 'Tokenizer.fromPretrained')
    const files = await openSource(source, options)
    const [tokenizerConfig = {}, config, tokenizer, specialTokensMap, addedTokens] = await Promise.all(
      ['tokenizer_config.json', 'config.json', 'tokenizer.json', 'special_tokens_map.json', 'added_tokens.json'].map(
        (name) => readJson(files, name),
      ),
    )
    checkSegmenter(tokenizerConfig)
    const read = { tokenizerConfig, specialTokensMap, addedTokens }
    const named = classNameOf(tokenizerConfig, config)
    // As in Python, SigLIP's class does not look at tokenizer.json where it has its own file.
    const pieces = named === SIGLIP.name ? await readWhole(files, 'spiece.model') : undefined
    if (pieces) return new Tokenizer(resolveSiglip({ ...read, tokenizer }, pieces))
    if (tokenizer) return Tokenizer.fromFiles({ ...defined(read), tokenizer, ...(config && { config }) })
    const name = named ?? classOfTower(config)
    return new Tokenizer(resolve(read, name, await readSlowFiles(files, name, tokenizerConfig)))
  }

  /** Writes `tokenizer.json` and `tokenizer_config.json`, and removes files that would speak against them. */
  async savePretrained(target: TargetLike): Promise<void> {
    const writer = await openTarget(target)
    const write = (name: string, json: JsonObject) =>
      writer.write(name, [new TextEncoder().encode(jsonText(json, name))])
    const { sentencePiece, tokenizer } = this.#files
    if (sentencePiece) await writer.write('spiece.model', [sentencePiece])
    else await write('tokenizer.json', tokenizer)
    await write('tokenizer_config.json', this.#files.config)
    await Promise.all(['special_tokens_map.json', 'added_tokens.json'].map((name) => writer.remove(name)))
  }

  protected invoke(texts: TextInput, options: TokenizerCallOptions = {}): TokenizerOutput {
    checkOptions(options, TOKENIZER_OPTIONS, 'tokenizer')
    const inputs = inputsOf(texts, options, !this.#engine.cutsAsPython)
    const lengths = lengthsOf(options, this.modelMaxLength)
    const padId = lengths.padding === 'do_not_pad' ? 0 : this.#padId()
    const rows = inputs.map(([text, pair]) => this.#row(text, pair, lengths, options))
    const length = paddedLength(rows, lengths)
    const side = options.paddingSide === undefined ? this.paddingSide : sideOf('padding', options.paddingSide)
    const fill = (value: (row: Row) => number[], padding: number): TokenRows => {
      const filled = rows.map((row) => pad(value(row), length, padding, side))
      const size = filled[0]?.length ?? 0
      if (filled.some((row) => row.length !== size)) return filled
      return tensor(int64Of(filled, size), [filled.length, size], 'int64')
    }
    const wants = (name: string, asked: boolean | undefined) => asked ?? this.modelInputNames.includes(name)
    return {
      inputIds: fill((row) => row.ids, padId),
      ...(wants('token_type_ids', options.returnTokenTypeIds) ? { tokenTypeIds: fill((row) => row.types, 0) } : {}),
      ...(wants('attention_mask', options.returnAttentionMask)
        ? { attentionMask: fill((row) => row.ids.map(() => 1), 0) }
        : {}),
      ...(options.returnSpecialTokensMask ? { specialTokensMask: fill((row) => row.special, 1) } : {}),
      ...(options.returnOffsetsMapping
        ? { offsetMapping: rows.map((row) => pad(row.offsets, length, [0, 0] as Offset, side)) }
        : {}),
    }
  }

  /** One text or pair: tokens, room for special tokens reserved, cut, special tokens added. */
  #row(text: Text, pair: Text | undefined, lengths: Lengths, options: TokenizerCallOptions): Row {
    const { addSpecialTokens = true, returnOffsetsMapping = false } = options
    const { single, pair: paired, addsOnce, ...trimming } = this.#engine.postProcessor
    const { cutsAsPython } = this.#engine
    const all = pair === undefined ? single : paired
    const pieces = all.filter(({ of }) => addSpecialTokens || typeof of === 'string')
    const added = pieces.reduce((sum, { of }) => sum + (typeof of === 'string' ? 0 : of.length), 0)
    const first = this.#tokens(text, returnOffsetsMapping)
    const second = pair === undefined ? undefined : this.#tokens(pair, returnOffsetsMapping)
    // As in Python, nothing is cut where not even the special tokens fit; in its own code, where there is no length.
    const limit = lengths.maxLength ?? Infinity
    const isUncut = cutsAsPython ? limit === 0 : limit < added
    const room = isUncut ? Infinity : Math.max(limit - added, 0)
    const kept = keptLengths(first.ids.length, second?.ids.length, room, lengths.truncation, cutsAsPython)
    const side =
      options.truncationSide === undefined ? this.truncationSide : sideOf('truncation', options.truncationSide)
    const row: Row = { ids: [], types: [], special: [], offsets: [] }
    let last: number | undefined
    for (const { of, type } of pieces) {
      const isText = typeof of === 'string'
      if (addsOnce && !isText && of[0] === last) continue
      const tokens = isText
        ? cut(of === 'A' ? first : (second ?? NOTHING), of === 'A' ? kept[0] : kept[1], side)
        : { ids: of, offsets: undefined }
      last = isText ? tokens.ids.at(-1) : undefined
      for (const [i, id] of tokens.ids.entries()) {
        row.ids.push(id)
        row.types.push(type)
        row.special.push(isText ? 0 : 1)
        if (returnOffsetsMapping) row.offsets.push(tokens.offsets?.[i] ?? [0, 0])
      }
    }
    if (returnOffsetsMapping && trimming.trimsOffsets)
      row.offsets.forEach((offset, i) =>
        trimOffsets(offset, this.#engine.tokenOf(row.ids[i] as number) ?? '', i === 0, trimming.addsPrefixSpace),
      )
    return row
  }

  #tokens(text: Text, withOffsets: boolean): Tokens {
    if (typeof text === 'string') return this.#engine.tokenize(text, withOffsets)
    const words = text.map((word) => this.#engine.tokenize(word, withOffsets))
    return {
      ids: words.flatMap(({ ids }) => ids),
      offsets: withOffsets ? words.flatMap(({ offsets }) => offsets ?? []) : undefined,
    }
  }

  /** The id of a special token by its kind (`sep_token`); undefined where this tokenizer has none. */
  specialTokenId(kind: string): number | undefined {
    const token = this.#files.tokens.get(kind)
    return token && this.#engine.idOf(token.content)
  }

  #padId(): number {
    const id = this.padToken === undefined ? undefined : this.#engine.idOf(this.padToken)
    if (id !== undefined) return id
    throw new TokenizerError(
      'no-pad-token',
      'This tokenizer has no pad_token, which padding needs. Set it in tokenizer_config.json.',
    )
  }

  /** The text of ids, of one row. */
  decode(ids: Tensor | readonly (number | bigint)[], options: { skipSpecialTokens?: boolean } = {}): string {
    checkOptions(options, ['skipSpecialTokens'], 'decode')
    const list = Array.from('data' in ids ? (ids.data as Int32Array) : (ids as number[]), Number)
    const text = this.#engine.decode(list, options.skipSpecialTokens ?? false)
    const { config, tokenizer, type } = this.#files
    const model = objectOf(tokenizer.model)
    const suffix = type?.name === 'CLIPTokenizer' ? textOf(model.end_of_word_suffix) : undefined
    const spaced = suffix ? stripped(text.replaceAll(suffix, ' '), PYTHON_SPACE) : text
    // Made for WordPiece; Python leaves texts of BPE alone unless it is told twice.
    const cleans =
      config.clean_up_tokenization_spaces === true &&
      (model.type !== 'BPE' || config.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output === true)
    return cleans ? cleanUp(spaced) : spaced
  }

  /** The texts of several rows. */
  batchDecode(
    rows: Tensor | readonly (readonly (number | bigint)[])[],
    options: { skipSpecialTokens?: boolean } = {},
  ): string[] {
    if (!('dims' in rows)) return rows.map((row) => this.decode(row, options))
    const [count = 0, length = 0] = rows.dims
    return Array.from({ length: count }, (_, i) =>
      this.decode([...rows.data.subarray(i * length, (i + 1) * length)], options),
    )
  }
}

const DEFAULT_NAMES = ['input_ids', 'attention_mask']

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {})
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined)
const sideOf = (kind: 'padding' | 'truncation', side: unknown): Side =>
  oneOf(`${kind}Side`, side, ['left', 'right'] as const)
const defined = <T extends object>(files: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined)) as never

type Text = string | readonly string[]
const NOTHING: Tokens = { ids: [], offsets: [] }

/** The texts and pairs of a call, checked. */
function inputsOf(
  texts: TextInput,
  { textPair, isSplitIntoWords = false }: TokenizerCallOptions,
  emptyIsNone: boolean,
): [Text, Text?][] {
  const isBatch = (given: TextInput) => Array.isArray(given) && (!isSplitIntoWords || Array.isArray(given[0]))
  const listOf = (given: TextInput, name: string): readonly Text[] => {
    const list = (isBatch(given) ? given : [given]) as readonly Text[]
    if (list.length === 0) throw new InputError('no-texts', `${name} is empty. Give at least one text.`)
    list.forEach((text, i) => {
      const isText = isSplitIntoWords
        ? Array.isArray(text) && text.every((word) => typeof word === 'string')
        : typeof text === 'string'
      if (!isText)
        throw new InputError(
          'bad-text',
          `${name}[${i}] is ${Array.isArray(text) ? 'a list' : `a ${typeof text}`}; a ${isSplitIntoWords ? 'list of strings' : 'string'} is needed.`,
        )
    })
    return list
  }
  const list = listOf(texts, 'texts')
  // transformers takes an empty second text of a single call for none, its tokenizers in Python apart.
  if (textPair === undefined || (emptyIsNone && !isBatch(texts) && textPair.length === 0))
    return list.map((text) => [text])
  const pairs = listOf(textPair, 'textPair')
  if (pairs.length !== list.length || isBatch(texts) !== isBatch(textPair))
    throw new InputError('pair-mismatch', `${list.length} texts and ${pairs.length} second texts were given.`)
  return list.map((text, i) => [text, pairs[i]])
}

/** Ids as int64, written as pairs of 32 bits: BigInts one by one take longer than the tokens. */
function int64Of(rows: readonly number[][], size: number): BigInt64Array<ArrayBuffer> {
  const halves = new Int32Array(rows.length * size * 2)
  rows.forEach((row, r) => {
    for (let i = 0; i < size; i++) halves[2 * (r * size + i)] = row[i] as number
  })
  return new BigInt64Array(halves.buffer)
}

function cut({ ids, offsets }: Tokens, length: number, side: Side): Tokens {
  if (ids.length === length) return { ids, offsets }
  const start = side === 'right' ? 0 : ids.length - length
  return { ids: ids.slice(start, start + length), offsets: offsets?.slice(start, start + length) }
}

/** The length that rows are filled to. */
function paddedLength(rows: readonly Row[], { padding, maxLength, multiple }: Lengths): number {
  if (padding === 'do_not_pad') return 0
  const longest = rows.reduce((most, { ids }) => Math.max(most, ids.length), 0)
  const length = padding === 'longest' ? longest : (maxLength ?? longest)
  return multiple ? Math.ceil(length / multiple) * multiple : length
}

function pad<T>(row: T[], length: number, value: T, side: Side): T[] {
  if (row.length >= length) return row
  const padding = Array<T>(length - row.length).fill(value)
  return side === 'right' ? [...row, ...padding] : [...padding, ...row]
}
