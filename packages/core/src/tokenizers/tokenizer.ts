import { Tokenizer as Engine } from '@huggingface/tokenizers'
import { callable } from '../callable'
import { openSource, readJson, type SourceLike, type SourceOptions } from '../checkpoint/source'
import { openTarget, type TargetLike } from '../checkpoint/target'
import { isJsonObject, type JsonObject } from '../config/pretrained-config'
import { checkOptions, InputError, SourceError, TokenizerError } from '../errors'
import { type Tensor, tensor } from '../tensor'
import { oneOf, paddingOf, type Side, TOKENIZER_OPTIONS, type TokenizerCallOptions, truncationOf } from './options'
import { truncate } from './truncate'

/** Rows of one length come as `[B, L]` int64, others as arrays. */
export type TokenRows = Tensor<'int64'> | number[][]

export interface TokenizerOutput {
  inputIds: TokenRows
  attentionMask?: TokenRows
  tokenTypeIds?: TokenRows
  specialTokensMask?: TokenRows
}

interface Row {
  readonly ids: number[]
  readonly types: number[]
  readonly special: number[]
}

/** Classes whose `model_input_names` leave `token_type_ids` out. */
const WITHOUT_TOKEN_TYPES = /^(Roberta|XLMRoberta|Camembert|CLIP|GPT2|Siglip|MPNet|DistilBert)/

export interface TokenizerFiles {
  /** `tokenizer.json` */
  tokenizer: object
  /** `tokenizer_config.json` */
  tokenizerConfig?: object
}

/** transformers' `PreTrainedTokenizerFast`: texts in, ids and masks out. */
export class Tokenizer extends callable<
  [texts: string | readonly string[], options?: TokenizerCallOptions],
  TokenizerOutput
>() {
  readonly modelInputNames: readonly string[]
  /** Where `truncation` ends a text that is given no `maxLength`; undefined = nowhere. */
  readonly modelMaxLength: number | undefined
  readonly padToken: string | undefined
  readonly #engine: Engine
  readonly #files: { readonly tokenizer: JsonObject; readonly config: JsonObject }
  readonly #specialIds: ReadonlySet<number>

  private constructor(tokenizer: JsonObject, config: JsonObject) {
    super()
    try {
      this.#engine = new Engine(tokenizer, config)
    } catch (cause) {
      throw new TokenizerError('bad-tokenizer', `tokenizer.json cannot be used: ${(cause as Error).message}`, { cause })
    }
    this.#files = { tokenizer, config }
    const type = String(config.tokenizer_class ?? '')
    this.modelInputNames = Array.isArray(config.model_input_names)
      ? (config.model_input_names as string[])
      : WITHOUT_TOKEN_TYPES.test(type)
        ? ['input_ids', 'attention_mask']
        : ['input_ids', 'token_type_ids', 'attention_mask']
    const length = config.model_max_length
    this.modelMaxLength = typeof length === 'number' && length < 1e20 ? length : undefined
    this.padToken = contentOf(config.pad_token)
    this.#specialIds = new Set(
      [...this.#engine.get_added_tokens_decoder()].filter(([, token]) => token.special).map(([id]) => id),
    )
  }

  static fromFiles({ tokenizer, tokenizerConfig = {} }: TokenizerFiles): Tokenizer {
    if (!isJsonObject(tokenizer) || !isJsonObject(tokenizer.model))
      throw new TokenizerError('bad-tokenizer', 'tokenizer.json must be an object with a "model".')
    return new Tokenizer(tokenizer, isJsonObject(tokenizerConfig) ? tokenizerConfig : {})
  }

  /** Reads `tokenizer.json` and `tokenizer_config.json`. */
  static async fromPretrained(source: SourceLike, options: SourceOptions = {}): Promise<Tokenizer> {
    checkOptions(options, ['fetch', 'headers', 'signal', 'onProgress'], 'Tokenizer.fromPretrained')
    const files = await openSource(source, options)
    const tokenizer = await readJson(files, 'tokenizer.json')
    if (!tokenizer)
      throw new SourceError(
        'tokenizer-not-found',
        `There is no tokenizer.json in ${files.describe}. Save it from Python: AutoTokenizer.from_pretrained(...).save_pretrained(...).`,
      )
    return Tokenizer.fromFiles({ tokenizer, tokenizerConfig: await readJson(files, 'tokenizer_config.json') })
  }

  /** Writes the files that it was made from. */
  async savePretrained(target: TargetLike): Promise<void> {
    const writer = await openTarget(target)
    const write = (name: string, json: JsonObject) =>
      writer.write(name, [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)])
    await write('tokenizer.json', this.#files.tokenizer)
    await write('tokenizer_config.json', this.#files.config)
  }

  protected invoke(texts: string | readonly string[], options: TokenizerCallOptions = {}): TokenizerOutput {
    checkOptions(options, TOKENIZER_OPTIONS, 'tokenizer')
    const list = listOf(texts, 'texts')
    const pairs = options.textPair === undefined ? undefined : listOf(options.textPair, 'textPair')
    if (pairs && pairs.length !== list.length)
      throw new InputError('pair-mismatch', `${list.length} texts and ${pairs.length} second texts were given.`)
    const rows = list.map((text, i) => this.#row(text, pairs?.[i], options))
    const length = this.#padded(rows, options)
    const side = this.#side('padding', options.paddingSide)
    const fill = (value: (row: Row) => number[], padding: number): TokenRows => {
      const filled = rows.map((row) => pad(value(row), length ?? 0, padding, side))
      const size = filled[0]?.length ?? 0
      if (filled.some((row) => row.length !== size)) return filled
      return tensor(BigInt64Array.from(filled.flat(), BigInt), [filled.length, size])
    }
    const wants = (name: string, asked: boolean | undefined) => asked ?? this.modelInputNames.includes(name)
    const padId = length === undefined ? 0 : this.#padId()
    return {
      inputIds: fill((row) => row.ids, padId),
      ...(wants('token_type_ids', options.returnTokenTypeIds) ? { tokenTypeIds: fill((row) => row.types, 0) } : {}),
      ...(wants('attention_mask', options.returnAttentionMask)
        ? { attentionMask: fill((row) => row.ids.map(() => 1), 0) }
        : {}),
      ...(options.returnSpecialTokensMask ? { specialTokensMask: fill((row) => row.special, 1) } : {}),
    }
  }

  /** One text or pair: tokens, room for special tokens reserved, cut, special tokens added. */
  #row(text: string, pair: string | undefined, options: TokenizerCallOptions): Row {
    const { addSpecialTokens = true } = options
    const tokensOf = (value: string) => this.#engine.tokenize(value, { add_special_tokens: false })
    const strategy = truncationOf(options.truncation)
    const limit = options.maxLength ?? this.modelMaxLength ?? Infinity
    const process = (a: string[], b: string[] | undefined): { tokens: string[]; token_type_ids?: number[] } => {
      const processor = this.#engine.post_processor
      if (!processor) return { tokens: [...a, ...(b ?? [])] }
      return processor.post_process(a, b ?? null, addSpecialTokens)
    }
    const added = process([], pair === undefined ? undefined : []).tokens.length
    const [a, b] = truncate(
      tokensOf(text),
      pair === undefined ? undefined : tokensOf(pair),
      Math.max(0, limit - added),
      strategy,
      this.#side('truncation', options.truncationSide),
    )
    const { tokens, token_type_ids: types } = process(a, b)
    const ids = tokens.map((token) => this.#idOf(token))
    // RoBERTa's pairs are not told apart by type.
    const isRoberta = this.#files.tokenizer.post_processor
    const plainTypes = isJsonObject(isRoberta) && isRoberta.type === 'RobertaProcessing'
    return {
      ids,
      types: plainTypes || !types ? ids.map(() => 0) : types,
      special: ids.map((id) => (this.#specialIds.has(id) ? 1 : 0)),
    }
  }

  #idOf(token: string): number {
    const id = this.#engine.token_to_id(token) ?? this.#engine.model?.unk_token_id
    if (id !== undefined) return id
    throw new TokenizerError('no-id', `The token "${token}" is not in the vocabulary, and there is no unknown token.`)
  }

  #padId(): number {
    const id = this.padToken === undefined ? undefined : this.#engine.token_to_id(this.padToken)
    if (id !== undefined) return id
    throw new TokenizerError(
      'no-pad-token',
      'This tokenizer has no pad_token, which padding needs. Set it in tokenizer_config.json.',
    )
  }

  #side(kind: 'padding' | 'truncation', asked: Side | undefined): Side {
    return oneOf(`${kind}Side`, asked ?? this.#files.config[`${kind}_side`] ?? 'right', ['left', 'right'] as const)
  }

  /** The length that rows are filled to; undefined = they stay as they are. */
  #padded(rows: readonly Row[], options: TokenizerCallOptions): number | undefined {
    const strategy = paddingOf(options.padding)
    if (strategy === 'do_not_pad') return undefined
    const longest = Math.max(...rows.map(({ ids }) => ids.length))
    const length = strategy === 'longest' ? longest : (options.maxLength ?? this.modelMaxLength ?? longest)
    const multiple = options.padToMultipleOf ?? 1
    return Math.ceil(length / multiple) * multiple
  }

  /** The text of ids, of one row. */
  decode(ids: Tensor | readonly (number | bigint)[], options: { skipSpecialTokens?: boolean } = {}): string {
    checkOptions(options, ['skipSpecialTokens'], 'decode')
    const list = Array.from('data' in ids ? (ids.data as Int32Array) : (ids as number[]), Number)
    if (list.length === 0) return ''
    return this.#engine.decode(list, {
      skip_special_tokens: options.skipSpecialTokens ?? false,
      clean_up_tokenization_spaces: this.#files.config.clean_up_tokenization_spaces === true,
    })
  }

  /** The texts of several rows. */
  batchDecode(rows: TokenRows, options: { skipSpecialTokens?: boolean } = {}): string[] {
    if (Array.isArray(rows)) return rows.map((row) => this.decode(row, options))
    const [count = 0, length = 0] = rows.dims
    return Array.from({ length: count }, (_, i) =>
      this.decode([...rows.data.subarray(i * length, (i + 1) * length)], options),
    )
  }
}

function listOf(texts: string | readonly string[], name: string): readonly string[] {
  const list: readonly unknown[] = typeof texts === 'string' ? [texts] : texts
  if (!Array.isArray(list) || list.length === 0)
    throw new InputError('no-texts', `${name} must be a string or a list of at least one string.`)
  const wrong = list.findIndex((text) => typeof text !== 'string')
  if (wrong >= 0) throw new InputError('bad-text', `${name}[${wrong}] is a ${typeof list[wrong]}; a string is needed.`)
  return list as readonly string[]
}

function pad(row: number[], length: number, value: number, side: Side): number[] {
  const padding = Array<number>(Math.max(0, length - row.length)).fill(value)
  return side === 'right' ? [...row, ...padding] : [...padding, ...row]
}

/** A special token of a config: a string, or an object with its content. */
const contentOf = (token: unknown): string | undefined =>
  typeof token === 'string' ? token : isJsonObject(token) ? String(token.content) : undefined
