import { tensor, topK } from '@dual-encoder/core'
import { filterOf } from './filter'
import type { Found, Nearest, Recorded, Row, RowState, Store } from './store'

/** Rows in memory: what `memory:` keeps. Vectors lie side by side, and each query is compared with all. */
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

  count(where?: string): Promise<number> {
    return settled(() => (where === undefined ? this.#rows.length : this.#passing(where).length))
  }

  all(): readonly Row[] {
    return this.#rows
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

  nearest(vector: Float32Array, { k, where }: Nearest): Promise<Found[]> {
    return settled(() => {
      const size = vector.length
      const places = where === undefined ? undefined : this.#passing(where)
      const count = places?.length ?? this.#rows.length
      const vectors = this.#vectors.subarray(0, this.#rows.length * size)
      const rows = places ? picked(vectors, places, size) : vectors
      const [hits = []] = topK(tensor(vector, [1, size]), tensor(rows, [count, size]), k)
      return hits.map(({ index, score }) => {
        const { id, kind, text, metadata } = this.#rows[places?.[index] ?? index]!
        return { id, kind, text, metadata, score }
      })
    })
  }

  settle(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Places of the rows that a filter lets through. */
  #passing(where: string): number[] {
    const names = new Set([...COLUMNS, ...this.#rows.flatMap(({ metadata }) => Object.keys(metadata))])
    const passes = filterOf(where, names)
    const places: number[] = []
    for (const [place, row] of this.#rows.entries()) {
      const column = (name: string) => (isColumn(name) ? row[name] : (row.metadata[name] ?? null))
      if (passes(column)) places.push(place)
    }
    return places
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

const COLUMNS = ['id', 'kind', 'size', 'mtime', 'hash', 'text'] as const
const isColumn = (name: string): name is (typeof COLUMNS)[number] => (COLUMNS as readonly string[]).includes(name)

/** A promise of what is computed at once, its errors included. */
const settled = <T>(compute: () => T): Promise<T> => new Promise((resolve) => resolve(compute()))

function picked(vectors: Float32Array, places: readonly number[], size: number): Float32Array {
  const rows = new Float32Array(places.length * size)
  for (const [row, place] of places.entries()) rows.set(vectors.subarray(place * size, (place + 1) * size), row * size)
  return rows
}
