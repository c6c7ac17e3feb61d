import { Fields } from './json'
import { charClass } from './unicode'

export interface AddedToken {
  readonly content: string
  readonly special: boolean
  readonly single_word: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Looked for in the normalised text, and not in the text as it is given. */
  readonly normalized: boolean
}

/** A token with the Rust library's defaults. */
export function addedToken(token: Partial<AddedToken> & { content: string }): AddedToken {
  const { content, special = false, single_word = false, lstrip = false, rstrip = false } = token
  return { content, special, single_word, lstrip, rstrip, normalized: token.normalized ?? !special }
}

/** `added_tokens` of tokenizer.json. Its ids are not read: the Rust library gives them anew. */
export function addedTokens(json: unknown): AddedToken[] {
  if (json === null || json === undefined) return []
  return new Fields({ added_tokens: json }, 'tokenizer.json').objects('added_tokens').map((fields) =>
    addedToken({
      content: fields.string('content'),
      special: fields.boolean('special', false),
      single_word: fields.boolean('single_word', false),
      lstrip: fields.boolean('lstrip', false),
      rstrip: fields.boolean('rstrip', false),
      ...(fields.has('normalized') && { normalized: fields.boolean('normalized') }),
    }),
  )
}

/** The vocabulary of a model, as far as added tokens ask for it. */
export interface BaseVocabulary {
  readonly size: number
  idOf(token: string): number | undefined
}

/** Tokens added to a model's: those that it has keep their ids, others get the next ones (the Rust `AddedVocabulary`). */
export class AddedVocabulary {
  readonly tokens = new Map<number, AddedToken>()
  readonly #ids = new Map<string, number>()
  readonly #base: BaseVocabulary

  constructor(base: BaseVocabulary) {
    this.#base = base
  }

  add(tokens: Iterable<AddedToken>): this {
    const { size } = this.#base
    let next = size
    for (const id of this.tokens.keys()) next = Math.max(next, id + 1)
    for (const token of tokens) {
      if (token.content === '') continue
      const id = this.idOf(token.content) ?? next++
      this.#ids.set(token.content, id)
      this.tokens.set(id, token)
    }
    return this
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content) ?? this.#base.idOf(content)
  }
}

export interface Section {
  readonly start: number
  readonly end: number
  /** The id of the added token that stands here; undefined = text. */
  readonly id: number | undefined
}

/** Finds added tokens in a text: the leftmost, of several the longest. */
export class TokenFinder {
  readonly #pattern: RegExp | undefined
  readonly #tokens: ReadonlyMap<string, readonly [id: number, token: AddedToken]>
  readonly #space = new RegExp(`[${charClass('whitespace')}]`, 'u')
  readonly #word = new RegExp(`[${charClass('word')}]`, 'u')

  readonly #splitsSpecial: boolean

  /**
   * @param tokens how they stand in the text that is searched, with their ids
   * @param splitsSpecial special ones are text like any other
   */
  constructor(tokens: Iterable<readonly [written: string, id: number, token: AddedToken]>, splitsSpecial = false) {
    this.#splitsSpecial = splitsSpecial
    this.#tokens = new Map(Array.from(tokens, ([written, id, token]) => [written, [id, token] as const]))
    const contents = [...this.#tokens.keys()].filter(Boolean).sort((a, b) => b.length - a.length)
    const escaped = contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    this.#pattern = contents.length > 0 ? new RegExp(escaped.join('|'), 'gu') : undefined
  }

  sections(text: string): readonly Section[] {
    const whole = { start: 0, end: text.length, id: undefined }
    if (!this.#pattern || text.search(this.#pattern) < 0) return [whole]
    const sections: Section[] = []
    let done = 0
    for (const { 0: found, index } of text.matchAll(this.#pattern)) {
      const [id, token] = this.#tokens.get(found) as readonly [number, AddedToken]
      if (token.special && this.#splitsSpecial) continue
      let start = index
      let end = index + found.length
      if (token.single_word && (this.#word.test(lastChar(text, start)) || this.#word.test(charAt(text, end)))) continue
      // White space is of one UTF-16 unit each.
      if (token.lstrip) {
        while (start > done && this.#space.test(text[start - 1] as string)) start--
        start = Math.max(start, done)
      }
      if (token.rstrip) while (end < text.length && this.#space.test(text[end] as string)) end++
      if (start > done) sections.push({ start: done, end: start, id: undefined })
      sections.push({ start, end, id })
      done = end
    }
    if (done < text.length) sections.push({ start: done, end: text.length, id: undefined })
    return sections
  }
}

const charAt = (text: string, at: number): string =>
  at < text.length ? String.fromCodePoint(text.codePointAt(at) as number) : ''

const lastChar = (text: string, end: number): string => [...text.slice(Math.max(0, end - 2), end)].at(-1) ?? ''
