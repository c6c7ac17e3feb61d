import { badTokenizer, type Fields, idOf } from './json'
import type { Model, Pieces } from './model'

/** How much worse than the worst token an unknown character is (SentencePiece's `kUnkPenalty`). */
const UNKNOWN_PENALTY = 10

/** SentencePiece's unigram model (Kudo, 2018): the path of highest score, the first found of equals. */
export class Unigram implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly #scores: Float64Array
  readonly #unknown: number | undefined
  readonly #unknownScore: number
  /** The length of the longest token that begins with a UTF-16 unit. */
  readonly #longest = new Map<number, number>()

  readonly #round: (score: number) => number

  /** `round`: `Math.fround` for SentencePiece's own arithmetic, where the Rust library's is of 64 bits. */
  constructor(fields: Fields, round = (score: number) => score) {
    this.#round = round
    if (fields.boolean('byte_fallback', false)) throw badTokenizer('byte_fallback is for language models alone')
    const pieces = fields.list('vocab').map((piece, i) => {
      const [token, score] = Array.isArray(piece) ? (piece as unknown[]) : []
      if (typeof token === 'string' && typeof score === 'number') return [token, score] as const
      throw badTokenizer(`model.vocab[${i}] is not a token and its score`)
    })
    this.vocab = new Map(pieces.map(([token], id) => [token, id]))
    this.#scores = Float64Array.from(pieces, ([, score]) => score)
    this.#unknown = fields.has('unk_id') ? idOf(fields.number('unk_id'), 'model.unk_id') : undefined
    if (this.#unknown !== undefined && this.#unknown >= pieces.length)
      throw badTokenizer(`model.unk_id is ${this.#unknown}, and there are ${pieces.length} tokens`)
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY
    for (const [token] of pieces) {
      const first = token.charCodeAt(0)
      this.#longest.set(first, Math.max(this.#longest.get(first) ?? 0, token.length))
    }
  }

  get size(): number {
    return this.#scores.length
  }

  tokenize(word: string): Pieces {
    const size = word.length
    const scores = new Float64Array(size + 1)
    const starts = new Int32Array(size + 1).fill(-1)
    const isUnknown = new Uint8Array(size + 1)
    const round = this.#round
    const offer = (start: number, end: number, score: number, unknown: 0 | 1) => {
      if (starts[end] !== -1 && score <= (scores[end] as number)) return
      scores[end] = score
      starts[end] = start
      isUnknown[end] = unknown
    }
    for (let start = 0; start < size;) {
      const here = scores[start] as number
      const char = (word.codePointAt(start) as number) > 0xffff ? 2 : 1
      const longest = Math.min(size, start + (this.#longest.get(word.charCodeAt(start)) ?? 0))
      let hasChar = false
      for (let end = start + char; end <= longest; end++) {
        const id = this.vocab.get(word.slice(start, end))
        if (id === undefined) continue
        offer(start, end, round(here + (this.#scores[id] as number)), 0)
        hasChar ||= end === start + char
      }
      if (!hasChar) offer(start, start + char, round(here + this.#unknownScore), 1)
      start += char
    }
    const ids: number[] = []
    const ends: number[] = []
    for (let end = size; end > 0;) {
      let start = starts[end] as number
      // Unknown characters in a row are one token.
      if (isUnknown[end]) while (start > 0 && isUnknown[start]) start = starts[start] as number
      ids.push(this.vocab.get(word.slice(start, end)) ?? this.#unknownId(word.slice(start, end)))
      ends.push(end)
      end = start
    }
    return { ids: ids.reverse(), ends: ends.reverse() }
  }

  #unknownId(text: string): number {
    if (this.#unknown !== undefined) return this.#unknown
    throw badTokenizer(`"${text.slice(0, 40)}" is in no token, and there is no unknown token`)
  }
}
