import { Vectors } from '@dual-encoder/core/backend'
import { filterOf } from './filter'
import { type Found, metadataOf, type Nearest, type Recorded, type Row, type RowState, type Store } from './store'

/** Rows in memory: what `memory:` keeps. Each query is compared with all. */
export class MemoryStore implements Store {
  #recorded: Recorded | undefined
  readonly #rows: Row[] = []
  readonly #indices = new Map<string, number>()
  #vectors: Vectors | undefined

  recorded(): Promise<Recorded | undefined> {
    return Promise.resolve(this.#recorded)
  }

  record(recorded: Recorded): Promise<void> {
    this.#recorded = recorded
    return Promise.resolve()
  }

  count(where?: string): Promise<number> {
    return promised(() => (where === undefined ? this.#rows.length : this.#passing(where).length))
  }

  all(): readonly Row[] {
    return this.#rows
  }

  states(): Promise<RowState[]> {
    return Promise.resolve(this.#rows)
  }

  put(rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      const index = this.#indices.get(row.id) ?? this.#rows.length
      this.#indices.set(row.id, index)
      this.#rows[index] = row
      this.#vectors ??= new Vectors(row.vector.length)
      this.#vectors.set(index, row.vector)
    }
    return Promise.resolve()
  }

  touch(states: readonly RowState[]): Promise<void> {
    for (const { id, size, mtime } of states) {
      const index = this.#indices.get(id)
      if (index !== undefined) this.#rows[index] = { ...this.#rows[index]!, size, mtime }
    }
    return Promise.resolve()
  }

  remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const index = this.#indices.get(id)
      if (index === undefined) continue
      // The last row takes the place.
      const last = this.#rows.pop()!
      this.#indices.delete(id)
      this.#vectors?.pop()
      if (last.id === id) continue
      this.#rows[index] = last
      this.#indices.set(last.id, index)
      this.#vectors?.set(index, last.vector)
    }
    return Promise.resolve()
  }

  vectors(ids: readonly string[]): Promise<Map<string, Float32Array>> {
    const found = ids.flatMap((id) => {
      const index = this.#indices.get(id)
      return index === undefined ? [] : [[id, this.#rows[index]!.vector] as const]
    })
    return Promise.resolve(new Map(found))
  }

  nearest(vector: Float32Array, { k, where }: Nearest): Promise<Found[]> {
    return promised(() => {
      const passing = where === undefined ? undefined : new Set(this.#passing(where))
      const hits = this.#vectors?.nearest(vector, k, passing && ((row) => passing.has(row))) ?? []
      return hits.map(({ index, score }) => {
        const { id, kind, text, metadata } = this.#rows[index]!
        return { id, kind, text, metadata, score }
      })
    })
  }

  optimize(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Indices of the rows that a filter lets through. */
  #passing(where: string): number[] {
    const names = new Set([...COLUMNS, ...this.#rows.flatMap(({ metadata }) => Object.keys(metadata))])
    const passes = filterOf(where, names)
    const indices: number[] = []
    for (const [index, row] of this.#rows.entries()) {
      const column = (name: string) => (isColumn(name) ? row[name] : metadataOf(row, name))
      if (passes(column)) indices.push(index)
    }
    return indices
  }
}

const COLUMNS = ['id', 'kind', 'size', 'mtime', 'hash', 'text'] as const
const isColumn = (name: string): name is (typeof COLUMNS)[number] => (COLUMNS as readonly string[]).includes(name)

/** A promise of what is computed at once, its errors included. */
const promised = <T>(compute: () => T): Promise<T> => new Promise((resolve) => resolve(compute()))
