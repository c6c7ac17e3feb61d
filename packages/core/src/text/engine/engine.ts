import { isJsonObject } from '../../base/pretrained-config'
import { type AddedToken, addedTokens, AddedVocabulary, TokenFinder } from './added-tokens'
import { type Aligned, cutSpans, type Normalizer, ownSpans } from './aligned'
import { createDecoder } from './decoders'
import { badTokenizer } from './json'
import type { Model } from './model'
import { createModel } from './models'
import { createNormalizer, normalize } from './normalizers'
import { createPostProcessor, type PostProcessor } from './post-processor'
import { createPreTokenizer, type PreTokenizer } from './pre-tokenizers'
import { charClass, stripped } from './unicode'

/** Tokens of a text, and where they stand in it in UTF-16 units where that was asked for. */
export interface Tokens {
  readonly ids: number[]
  readonly offsets: [start: number, end: number][] | undefined
}

/** From texts to ids and back. */
export interface TextEngine {
  readonly postProcessor: PostProcessor
  /** Pairs are cut by the rules of transformers' Python code, and not by the Rust library's. */
  readonly cutsAsPython: boolean
  /** The ids of a text, special tokens around it apart. */
  tokenize(text: string, withOffsets: boolean): Tokens
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  /** The text of ids; those of no token are left out. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string
}

/**
 * What a tokenizer.json says, run as the Rust library `tokenizers` runs it: added tokens are found, the text
 * between them normalised, cut into words, and each word into tokens.
 */
export class Engine implements TextEngine {
  readonly cutsAsPython = false
  readonly postProcessor: PostProcessor
  readonly #normalizer: readonly Normalizer[]
  readonly #preTokenize: PreTokenizer
  readonly #model: Model
  readonly #decode: (tokens: readonly string[]) => string
  readonly #tokens: ReadonlyMap<number, string>
  readonly #added: AddedVocabulary
  readonly #special: ReadonlySet<string>
  readonly #verbatim: TokenFinder
  readonly #normalized: TokenFinder

  /** @param splitsSpecial special tokens that stand in a text are text like any other (`split_special_tokens`) */
  constructor(json: unknown, splitsSpecial = false) {
    if (!isJsonObject(json)) throw badTokenizer('it is not an object')
    this.#normalizer = createNormalizer(json.normalizer)
    this.#preTokenize = createPreTokenizer(json.pre_tokenizer)
    const model = (this.#model = createModel(json.model))
    this.#decode = createDecoder(json.decoder)
    this.postProcessor = createPostProcessor(json.post_processor)
    const base = { size: model.size, idOf: (token: string) => model.vocab.get(token) }
    this.#added = new AddedVocabulary(base).add(addedTokens(json.added_tokens))
    const written = (token: AddedToken) =>
      token.normalized ? normalize(this.#normalizer, { text: token.content, spans: undefined }).text : token.content
    const added = Array.from(this.#added.tokens, ([id, token]) => [written(token), id, token] as const)
    this.#special = new Set(added.filter(([, , { special }]) => special).map(([, , { content }]) => content))
    // As in the Rust library, a token that stands normalised in texts is decoded as it stands there.
    this.#tokens = new Map([
      ...Array.from(model.vocab, ([token, id]) => [id, token] as const),
      ...added.map(([text, id]) => [id, text] as const),
    ])
    this.#verbatim = new TokenFinder(
      added.filter(([, , { normalized }]) => !normalized),
      splitsSpecial,
    )
    this.#normalized = new TokenFinder(
      added.filter(([, , { normalized }]) => normalized),
      splitsSpecial,
    )
  }

  tokenize(text: string, withOffsets: boolean): Tokens {
    const tokens: Tokens = { ids: [], offsets: withOffsets ? [] : undefined }
    const spans = withOffsets ? ownSpans(text) : undefined
    for (const { start, end, id } of this.#verbatim.sections(text)) {
      if (id !== undefined) add(tokens, id, ...this.#trimmed(text, start, end))
      else this.#section({ text: text.slice(start, end), spans: cutSpans(spans, start, end) }, start === 0, tokens)
    }
    return tokens
  }

  /** Where an added token stands: without the spaces that it took, where offsets are trimmed. */
  #trimmed(text: string, start: number, end: number): [start: number, end: number] {
    const { trimsOffsets, addsPrefixSpace } = this.postProcessor
    if (!trimsOffsets) return [start, end]
    const surface = text.slice(start, end)
    const leading = surface.length - stripped(surface, SPACE, true, false).length
    const from = start + Math.max(leading - (addsPrefixSpace && start === 0 ? 1 : 0), 0)
    return [from, Math.max(end - (surface.length - stripped(surface, SPACE, false).length), from)]
  }

  #section(section: Aligned, atStart: boolean, tokens: Tokens): void {
    const { text, spans } = normalize(this.#normalizer, section)
    if (text === '') return
    for (const { start, end, id } of this.#normalized.sections(text)) {
      if (id !== undefined) add(tokens, id, spans?.starts[start] ?? 0, spans?.ends[end - 1] ?? 0)
      else
        for (const word of this.#preTokenize(
          { text: text.slice(start, end), spans: cutSpans(spans, start, end) },
          atStart && start === 0,
        ))
          this.#word(word, tokens)
    }
  }

  #word({ text, spans }: Aligned, tokens: Tokens): void {
    if (text === '') return
    const { ids, ends } = this.#model.tokenize(text)
    for (let i = 0; i < ids.length; i++) {
      tokens.ids.push(ids[i] as number)
      if (!tokens.offsets) continue
      const end = ends[i] as number
      // Tokens of a character's bytes share its end, and stand where all of it does.
      const start = Math.min(ends[i - 1] ?? 0, end - 1)
      tokens.offsets.push([spans?.starts[start] ?? 0, spans?.ends[end - 1] ?? 0])
    }
  }

  idOf(token: string): number | undefined {
    return this.#added.idOf(token)
  }

  tokenOf(id: number): string | undefined {
    return this.#tokens.get(id)
  }

  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    const tokens = ids.flatMap((id) => this.#tokens.get(id) ?? [])
    return this.#decode(skipSpecialTokens ? tokens.filter((token) => !this.#special.has(token)) : tokens)
  }
}

// Made by a call, so that bundlers may leave it out with its table.
const SPACE = /* @__PURE__ */ (() => new RegExp(`[${charClass('whitespace')}]`, 'u'))()

function add(tokens: Tokens, id: number, start: number, end: number): void {
  tokens.ids.push(id)
  tokens.offsets?.push([start, end])
}
