import { OptionError, tensor, topK } from '@dual-encoder/core'
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
    const rows = tensor(this.#vectors.subarray(0, this.#rows.length * vector.length), [
      this.#rows.length,
      vector.length,
    ])
    const [hits = []] = topK(tensor(vector, [1, vector.length]), rows, k)
    const found = hits.map(({ index, score }) => {
      const { id, kind, text, metadata } = this.#rows[index]!
      return { id, kind, text, metadata, score }
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

function noFilter(where: string | undefined): void {
  if (where === undefined) return
  throw new OptionError('bad-filter', 'An index in memory answers no filters. Keep it in a folder, with LanceDB.')
}
