import { OptionError } from '@dual-encoder/core'
import type { Found, Nearest, Recorded, Row, RowState, Store } from './store'

/** Rows in memory: what `memory:` and browsers keep. Vectors lie side by side, and each query is compared with all. */
export class MemoryStore implements Store {
  #recorded: Recorded | undefined
  readonly #rows: Row[] = []
  readonly #places = new Map<string, number>()
  #vectors = new Float32Array(0)

  recorded(): Promise<Recorded | undefined> {
    return Promise.resolve(this.#recorded)
  }

  record(recorded: Recorded): Promise<void> {
    this.#recorded = recorded
    return Promise.resolve()
  }

  async count(where?: string): Promise<number> {
    noFilter(where)
    return Promise.resolve(this.#rows.length)
  }

  states(): Promise<RowState[]> {
    return Promise.resolve(this.#rows)
  }

  put(rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      const place = this.#places.get(row.id) ?? this.#rows.length
      this.#places.set(row.id, place)
      this.#rows[place] = row
      this.#write(place, row.vector)
    }
    return Promise.resolve()
  }

  touch(states: readonly RowState[]): Promise<void> {
    for (const { id, size, mtime } of states) {
      const place = this.#places.get(id)
      if (place !== undefined) this.#rows[place] = { ...this.#rows[place]!, size, mtime }
    }
    return Promise.resolve()
  }

  remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const place = this.#places.get(id)
      if (place === undefined) continue
      // The last row takes the place.
      const last = this.#rows.pop()!
      this.#places.delete(id)
      if (last.id === id) continue
      this.#rows[place] = last
      this.#places.set(last.id, place)
      this.#write(place, last.vector)
    }
    return Promise.resolve()
  }

  vectors(ids: readonly string[]): Promise<Map<string, Float32Array>> {
    const found = ids.flatMap((id) => {
      const place = this.#places.get(id)
      return place === undefined ? [] : [[id, this.#rows[place]!.vector] as const]
    })
    return Promise.resolve(new Map(found))
  }

  async nearest(vector: Float32Array, { k, where }: Nearest): Promise<Found[]> {
    noFilter(where)
    const scores = dots(this.#vectors, vector, this.#rows.length)
    const best: number[] = []
    for (let i = 0; i < scores.length; i++) {
      const worst = best.at(-1)
      if (best.length === k && !(scores[i]! > scores[worst!]!)) continue
      const at = best.findIndex((place) => scores[place]! < scores[i]!)
      best.splice(at < 0 ? best.length : at, 0, i)
      if (best.length > k) best.pop()
    }
    const found = best.map((place) => {
      const { id, kind, text, metadata } = this.#rows[place]!
      return { id, kind, text, metadata, score: scores[place]! }
    })
    return Promise.resolve(found)
  }

  settle(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #write(place: number, vector: Float32Array): void {
    const size = vector.length
    if ((place + 1) * size > this.#vectors.length) {
      const grown = new Float32Array(Math.max(1024, 2 * (place + 1)) * size)
      grown.set(this.#vectors)
      this.#vectors = grown
    }
    this.#vectors.set(vector, place * size)
  }
}

/** Dot products of `vector` `[D]` with the first `count` of rows `[N, D]`; four sums at a time keep the processor busy. */
function dots(rows: Float32Array, vector: Float32Array, count: number): Float32Array {
  const size = vector.length
  const whole = size - (size % 4)
  const scores = new Float32Array(count)
  for (let i = 0, at = 0; i < count; i++, at += size) {
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let j = 0; j < whole; j += 4) {
      a += rows[at + j]! * vector[j]!
      b += rows[at + j + 1]! * vector[j + 1]!
      c += rows[at + j + 2]! * vector[j + 2]!
      d += rows[at + j + 3]! * vector[j + 3]!
    }
    for (let j = whole; j < size; j++) a += rows[at + j]! * vector[j]!
    scores[i] = a + b + c + d
  }
  return scores
}

function noFilter(where: string | undefined): void {
  if (where === undefined) return
  throw new OptionError('bad-filter', 'An index in memory answers no filters. Keep it in a folder, with LanceDB.')
}
