import { badTokenizer, type Fields, idOf } from './json'
import type { Model, Pieces } from './model'

interface Merge {
  readonly rank: number
  readonly id: number
}

/** Byte-pair encoding (Sennrich et al., 2016): the merge of lowest rank first, the leftmost of equals. */
export class Bpe implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly #merges = new Map<number, Merge>()
  /** What the merge of each rank makes. */
  readonly #merged: number[] = []
  readonly #idCount: number
  readonly #prefix: string
  readonly #suffix: string
  readonly #unknown: number | undefined
  readonly #fusesUnknown: boolean
  readonly #ignoresMerges: boolean
  /** Characters that the vocabulary lacks become tokens of their UTF-8 bytes. */
  readonly #bytes: boolean

  constructor(fields: Fields) {
    if (fields.has('dropout') && fields.number('dropout') > 0)
      throw badTokenizer('its dropout makes ids random, which is for training a tokenizer')
    this.#bytes = fields.boolean('byte_fallback', false)
    this.vocab = new Map(fields.entries('vocab').map(([token, id]) => [token, idOf(id, `the id of "${token}"`)]))
    this.#prefix = fields.string('continuing_subword_prefix', '')
    this.#suffix = fields.string('end_of_word_suffix', '')
    this.#fusesUnknown = fields.boolean('fuse_unk', false)
    this.#ignoresMerges = fields.boolean('ignore_merges', false)
    this.#unknown = fields.has('unk_token') ? this.vocab.get(fields.string('unk_token')) : undefined
    let largest = 0
    for (const id of this.vocab.values()) largest = Math.max(largest, id)
    this.#idCount = largest + 1
    fields.list('merges').forEach((merge, rank) => {
      const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge
      const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : []
      if (typeof left !== 'string' || typeof right !== 'string')
        throw badTokenizer(`merges[${rank}] is not a pair of tokens`)
      const ids = [left, right, left + right.slice(this.#prefix.length)].map((token) => this.vocab.get(token))
      const [a, b, id] = ids
      if (a === undefined || b === undefined || id === undefined)
        throw badTokenizer(`merges[${rank}] joins "${left}" and "${right}", which the vocabulary lacks in part`)
      this.#merges.set(this.#key(a, b), { rank, id })
      this.#merged.push(id)
    })
  }

  #key(left: number, right: number): number {
    return left * this.#idCount + right
  }

  get size(): number {
    return this.vocab.size
  }

  tokenize(word: string): Pieces {
    if (this.#ignoresMerges) {
      const whole = this.vocab.get(word)
      if (whole !== undefined) return { ids: [whole], ends: [word.length] }
    }
    const { ids, ends } = this.#symbols(word)
    this.#merge(ids, ends)
    const kept = ids.map((_, i) => i).filter((i) => ids[i] !== GONE)
    return { ids: kept.map((i) => ids[i] as number), ends: kept.map((i) => ends[i] as number) }
  }

  /** The word's characters; those outside the vocabulary are bytes, unknown, or left out where nothing stands for them. */
  #symbols(word: string): { ids: number[]; ends: number[] } {
    const ids: number[] = []
    const ends: number[] = []
    let end = 0
    // Unknown characters wait for a known one, as in the Rust library; bytes go past them.
    let waiting = 0
    const flush = () => {
      if (waiting > 0) add(this.#unknown as number, waiting)
      waiting = 0
    }
    const add = (id: number, at: number) => {
      ids.push(id)
      ends.push(at)
    }
    for (const char of word) {
      const token = (end === 0 ? '' : this.#prefix) + char + (end + char.length === word.length ? this.#suffix : '')
      end += char.length
      const id = this.vocab.get(token)
      if (id !== undefined) {
        flush()
        add(id, end)
        continue
      }
      const bytes = this.#bytes ? this.#bytesOf(token) : undefined
      if (bytes) for (const byte of bytes) add(byte, end)
      else if (this.#unknown !== undefined) {
        if (!this.#fusesUnknown) flush()
        waiting = end
      }
    }
    flush()
    return { ids, ends }
  }

  /** The tokens `<0xE6>` of a text's bytes; undefined where the vocabulary lacks one. */
  #bytesOf(text: string): number[] | undefined {
    const ids: number[] = []
    for (const byte of encoder.encode(text)) {
      const id = this.vocab.get(byteToken(byte))
      if (id === undefined) return undefined
      ids.push(id)
    }
    return ids
  }

  /** Merges in place; a symbol that went into the one before it is `GONE`. */
  #merge(ids: number[], ends: number[]): void {
    const next = ids.map((_, i) => i + 1)
    const before = ids.map((_, i) => i - 1)
    // Merges that wait, of the symbol at an index and the one after it: `rank * ids.length + index`, which sorts them.
    const queue: number[] = []
    const consider = (at: number) => {
      const right = next[at] as number
      if (at < 0 || right >= ids.length) return
      const merge = this.#merges.get(this.#key(ids[at] as number, ids[right] as number))
      if (merge) push(queue, merge.rank * ids.length + at)
    }
    for (let at = 0; at + 1 < ids.length; at++) consider(at)
    for (let top = pop(queue); top !== undefined; top = pop(queue)) {
      const at = top % ids.length
      const id = this.#merged[(top - at) / ids.length] as number
      const right = next[at] as number
      if (ids[at] === GONE || right >= ids.length) continue
      // What stands here may have changed since.
      if (this.#merges.get(this.#key(ids[at] as number, ids[right] as number))?.id !== id) continue
      ids[at] = id
      ends[at] = ends[right] as number
      ids[right] = GONE
      const after = (next[at] = next[right] as number)
      if (after < ids.length) before[after] = at
      if (at > 0) consider(before[at] as number)
      consider(at)
    }
  }
}

const GONE = -1
const encoder = new TextEncoder()

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** Binary heap: puts an item in. */
function push(heap: number[], item: number): void {
  let at = heap.length
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (item >= (heap[parent] as number)) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = item
}

/** Binary heap: takes the first item out. */
function pop(heap: number[]): number | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++
    if ((heap[child] as number) >= last) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = last
  return first
}
