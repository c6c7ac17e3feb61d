import { InputError } from '../../base/errors'
import { type AddedToken, TokenFinder } from './added-tokens'
import type { TextEngine, Tokens } from './engine'
import { Fields } from './json'
import type { Piece, PostProcessor } from './post-processor'
import { Precompiled } from './precompiled'
import { PYTHON_SPACE, stripped } from './unicode'
import { Unigram } from './unigram'

const SPACE = '▁'
/** What SentencePiece decodes an unknown piece to. */
const UNKNOWN = ' \u2047 '
const PUNCTUATION = /[!-/:-@[-`{-~]/g
const SPACES = /* @__PURE__ */ (() => new RegExp(`${PYTHON_SPACE.source}+`, 'g'))()

export interface SiglipParts {
  /** Pieces of the file with their scores; `isText`: the piece can stand in a text. */
  readonly pieces: readonly { readonly token: string; readonly score: number; readonly isText: boolean }[]
  readonly charsmap: Uint8Array
  readonly unkId: number
  readonly addsDummyPrefix: boolean
  readonly removesExtraSpaces: boolean
  readonly added: ReadonlyMap<number, AddedToken>
  /** Tokens that are special here, whatever `added` says. */
  readonly special: ReadonlySet<string>
  readonly unkToken: string
  readonly eosToken: string
  readonly lowers: boolean
  /** Added tokens in a text are text like any other. */
  readonly splitsSpecial: boolean
}

/**
 * transformers' `SiglipTokenizer`, which runs SentencePiece itself: texts lose case and punctuation (as big_vision's
 * `canonicalize_text` takes them away), then are cut by the unigram model behind an unknown token that is taken off.
 */
export class SiglipEngine implements TextEngine {
  readonly cutsAsPython = true
  readonly postProcessor: PostProcessor
  readonly #parts: SiglipParts
  readonly #model: Unigram
  readonly #charsmap: Precompiled | undefined
  readonly #ids: ReadonlyMap<string, number>
  readonly #finder: TokenFinder
  readonly #added: ReadonlyMap<string, number>
  readonly #prefixLength: number

  constructor(parts: SiglipParts) {
    this.#parts = parts
    // What cannot stand in a text keeps its place under a name that no text holds.
    const vocab = parts.pieces.map(({ token, score, isText }, id) => [isText ? token : `\ud800\0${id}`, score])
    this.#model = new Unigram(new Fields({ vocab, unk_id: parts.unkId }, 'spiece.model'), Math.fround)
    this.#charsmap = parts.charsmap.length > 0 ? new Precompiled(parts.charsmap) : undefined
    const added = [...parts.added]
    this.#added = new Map(added.map(([id, { content }]) => [content, id]))
    this.#ids = new Map([
      ...parts.pieces.map(({ token }, id) => [token, id] as const),
      ...added.map(([id, { content }]) => [content, id] as const),
    ])
    this.#finder = new TokenFinder(
      added.map(([id, token]) => [token.content, id, { ...token, lstrip: false, rstrip: false, single_word: false }]),
    )
    this.#prefixLength = this.#encode(parts.unkToken).length
    const eos = { of: [this.#ids.get(parts.eosToken) ?? parts.unkId], type: 0 }
    const single: Piece[] = [{ of: 'A', type: 0 }, eos]
    this.postProcessor = {
      single,
      pair: [...single, { of: 'B', type: 0 }, eos],
      trimsOffsets: false,
      addsPrefixSpace: false,
      addsOnce: true,
    }
  }

  tokenize(text: string, withOffsets: boolean): Tokens {
    if (withOffsets)
      throw new InputError(
        'no-offsets',
        'spiece.model alone gives no offsets, as in Python. Use a tokenizer with a tokenizer.json.',
      )
    const whole = SPACE + text.replaceAll(SPACE, ' ')
    const ids: number[] = []
    const parts = this.#parts.splitsSpecial ? [whole] : this.#parted(whole)
    for (const part of parts) {
      const id = this.#added.get(part)
      if (id !== undefined) ids.push(id)
      else for (const each of this.#words(part)) ids.push(each)
    }
    // Nothing but the first space stands before a special token.
    if (
      parts.length > 1 &&
      this.#parts.special.has(parts[1] as string) &&
      ids.length > 1 &&
      this.#isSpace(parts[0] as string)
    )
      ids.shift()
    return { ids, offsets: undefined }
  }

  #isSpace(part: string): boolean {
    const ids = this.#words(part)
    return ids.length === 1 && this.tokenOf(ids[0] as number) === SPACE
  }

  /** The text cut at added tokens. One that is to stand alone and does not goes into the part beside it. */
  #parted(text: string): string[] {
    const parts = this.#finder.sections(text).map(({ start, end }) => text.slice(start, end))
    parts.forEach((part, i) => {
      const token = this.#parts.added.get(this.#added.get(part) ?? -1)
      const [left, right] = [parts[i - 1], parts[i + 1]]
      if (!token?.single_word) return
      if (left && !left.endsWith(' ')) parts[i - 1] = left + part
      else if (right && !right.startsWith(' ')) parts[i + 1] = part + right
      else return
      parts[i] = ''
    })
    return parts.filter(Boolean)
  }

  #words(part: string): readonly number[] {
    const { lowers, unkToken } = this.#parts
    const plain = (lowers ? part.toLowerCase() : part).replace(PUNCTUATION, '').replace(SPACES, ' ')
    const ids = this.#encode(unkToken + stripped(plain, PYTHON_SPACE))
    return ids.length >= this.#prefixLength ? ids.slice(this.#prefixLength) : ids
  }

  #encode(text: string): readonly number[] {
    const normal = this.#normalized(text)
    return normal === '' ? [] : this.#model.tokenize(normal).ids
  }

  /** SentencePiece's normaliser. */
  #normalized(text: string): string {
    const { addsDummyPrefix, removesExtraSpaces } = this.#parts
    const mapped = this.#charsmap?.longest(text) ?? text
    const spaced = removesExtraSpaces ? mapped.replace(/^ +/, '').replace(/ {2,}/g, ' ') : mapped
    if (spaced === '') return ''
    let result = ((addsDummyPrefix ? ' ' : '') + spaced).replaceAll(' ', SPACE)
    while (removesExtraSpaces && result.endsWith(SPACE)) result = result.slice(0, -1)
    return result
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token)
  }

  tokenOf(id: number): string | undefined {
    return this.#parts.added.get(id)?.content ?? this.#parts.pieces[id]?.token
  }

  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    let text = ''
    let pieces = ''
    let afterSpecial = false
    const flush = () => {
      text += pieces.replace(/^▁+/, '').replaceAll(SPACE, ' ')
      pieces = ''
    }
    for (const id of ids) {
      const token = this.tokenOf(id)
      if (token === undefined) continue
      if (!this.#parts.special.has(token)) {
        const piece = this.#parts.pieces[id]
        if (id === this.#parts.unkId) pieces += UNKNOWN
        else if (piece?.isText ?? true) pieces += token
        afterSpecial = false
      } else if (!skipSpecialTokens) {
        if (!afterSpecial) text += ' '
        flush()
        text += token
        afterSpecial = true
      }
    }
    flush()
    return stripped(text, PYTHON_SPACE)
  }
}
