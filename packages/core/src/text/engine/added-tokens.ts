import { Fields, idOf } from './json'
import { charClass } from './unicode'

export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  readonly singleWord: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
}

export function addedTokens(json: unknown): AddedToken[] {
  if (json === null || json === undefined) return []
  return new Fields({ added_tokens: json }, 'tokenizer.json').objects('added_tokens').map((fields) => ({
    id: idOf(fields.raw('id'), `${fields.where}.id`),
    content: fields.string('content'),
    special: fields.boolean('special', false),
    singleWord: fields.boolean('single_word', false),
    lstrip: fields.boolean('lstrip', false),
    rstrip: fields.boolean('rstrip', false),
    normalized: fields.boolean('normalized', !fields.boolean('special', false)),
  }))
}

export interface Section {
  readonly start: number
  readonly end: number
  /** The added token that stands here; undefined = text. */
  readonly token: AddedToken | undefined
}

/** Finds added tokens in a text: the leftmost, of several the longest. */
export class TokenFinder {
  readonly #pattern: RegExp | undefined
  readonly #tokens: ReadonlyMap<string, AddedToken>
  readonly #spaceBefore = new RegExp(`[${charClass('whitespace')}]*$`, 'u')
  readonly #spaceAfter = new RegExp(`[${charClass('whitespace')}]*`, 'uy')
  readonly #word = new RegExp(`[${charClass('word')}]`, 'u')

  /** `written`: how a token stands in the text that is searched. */
  constructor(tokens: readonly AddedToken[], written: (content: string) => string) {
    this.#tokens = new Map(tokens.map((token) => [written(token.content), token]))
    const contents = [...this.#tokens.keys()].filter(Boolean).sort((a, b) => b.length - a.length)
    const escaped = contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    this.#pattern = contents.length > 0 ? new RegExp(escaped.join('|'), 'gu') : undefined
  }

  sections(text: string): readonly Section[] {
    const whole = { start: 0, end: text.length, token: undefined }
    if (!this.#pattern || text.search(this.#pattern) < 0) return [whole]
    const sections: Section[] = []
    let done = 0
    for (const { 0: found, index } of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(found) as AddedToken
      let start = index
      let end = index + found.length
      if (token.singleWord && (this.#isWord(lastChar(text, start)) || this.#isWord(charAt(text, end)))) continue
      if (token.lstrip) start = Math.max(text.slice(0, start).search(this.#spaceBefore), done)
      if (token.rstrip) {
        this.#spaceAfter.lastIndex = end
        end += this.#spaceAfter.exec(text)?.[0].length ?? 0
      }
      if (start > done) sections.push({ start: done, end: start, token: undefined })
      sections.push({ start, end, token })
      done = end
    }
    if (done < text.length) sections.push({ start: done, end: text.length, token: undefined })
    return sections
  }

  #isWord(char: string): boolean {
    return this.#word.test(char)
  }
}

const charAt = (text: string, at: number): string =>
  at < text.length ? String.fromCodePoint(text.codePointAt(at) as number) : ''

const lastChar = (text: string, end: number): string => [...text.slice(Math.max(0, end - 2), end)].at(-1) ?? ''
