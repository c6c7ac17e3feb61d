import { badTokenizer, type Fields, idOf } from './json'
import type { Model, Pieces } from './model'

/** BERT's model: the longest piece of the vocabulary, again and again; a word without one is unknown. */
export class WordPiece implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly #prefix: string
  readonly #maxChars: number
  readonly #maxPiece: number
  readonly #unknown: string

  constructor(fields: Fields) {
    this.vocab = new Map(fields.entries('vocab').map(([token, id]) => [token, idOf(id, `the id of "${token}"`)]))
    this.#prefix = fields.string('continuing_subword_prefix', '##')
    this.#maxChars = fields.number('max_input_chars_per_word', 100)
    this.#unknown = fields.string('unk_token', '[UNK]')
    let longest = 0
    for (const token of this.vocab.keys()) longest = Math.max(longest, token.length)
    this.#maxPiece = longest
  }

  get size(): number {
    return this.vocab.size
  }

  tokenize(word: string): Pieces {
    const whole = this.vocab.get(word)
    if (whole !== undefined && word.length <= this.#maxChars) return { ids: [whole], ends: [word.length] }
    if (word.length > this.#maxChars && [...word].length > this.#maxChars) return this.#unknownWord(word)
    const ids: number[] = []
    const ends: number[] = []
    let start = 0
    while (start < word.length) {
      const prefix = start === 0 ? '' : this.#prefix
      let end = Math.min(word.length, start + this.#maxPiece)
      let id: number | undefined
      while (end > start && (id = this.vocab.get(prefix + word.slice(start, end))) === undefined) end--
      if (id === undefined) return this.#unknownWord(word)
      ids.push(id)
      ends.push(end)
      start = end
    }
    return { ids, ends }
  }

  #unknownWord(word: string): Pieces {
    const id = this.vocab.get(this.#unknown)
    if (id === undefined) throw badTokenizer(`its vocabulary lacks the unknown token "${this.#unknown}"`)
    return { ids: [id], ends: [word.length] }
  }
}
