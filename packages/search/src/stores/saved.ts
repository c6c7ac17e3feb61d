import { SourceError } from '@dual-encoder/core'
import { MemoryStore } from './memory'
import type { Recorded, Row, RowState } from './store'

/** A folder of files. A file that was begun and not ended is empty, or is not there. */
export interface Files {
  names(): Promise<string[]>
  read(name: string): Promise<Uint8Array<ArrayBuffer>>
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  remove(name: string): Promise<void>
  close(): void
}

/** One change, a file each: what it begins with, and the vectors of its rows. */
interface Change {
  /** All that was before is in it. */
  readonly whole?: boolean
  readonly recorded?: Recorded
  readonly removed?: readonly string[]
  readonly touched?: readonly RowState[]
  readonly rows?: readonly Row[]
}

/** Changes that are put together into one. */
const CHANGES = 32
const nameOf = (number: number): string => `${String(number).padStart(10, '0')}.change`

/** Rows in memory, and each change of them in a file: what browsers keep between visits. */
export class SavedStore extends MemoryStore {
  readonly #files: Files
  /** Of the files, in order. */
  #numbers: number[] = []
  #last: Promise<unknown> = Promise.resolve()

  private constructor(files: Files) {
    super()
    this.#files = files
  }

  static async open(files: Files): Promise<SavedStore> {
    const store = new SavedStore(files)
    const numbers = (await files.names()).flatMap((name) => /^(\d{10})\.change$/.exec(name)?.[1] ?? []).map(Number)
    numbers.sort((a, b) => a - b)
    const changes: Change[] = []
    for (const number of numbers.toReversed()) {
      const bytes = await files.read(nameOf(number))
      if (bytes.length === 0) continue
      const change = decoded(bytes, nameOf(number))
      changes.unshift(change)
      if (change.whole) break
    }
    for (const change of changes) await store.#apply(change)
    store.#numbers = numbers
    return store
  }

  override record(recorded: Recorded): Promise<void> {
    return this.#change({ recorded })
  }

  override async put(rows: readonly Row[]): Promise<void> {
    if (rows.length > 0) await this.#change({ rows })
  }

  override async touch(touched: readonly RowState[]): Promise<void> {
    if (touched.length > 0) await this.#change({ touched })
  }

  override async remove(removed: readonly string[]): Promise<void> {
    if (removed.length > 0) await this.#change({ removed })
  }

  override async optimize(): Promise<void> {
    if (this.#numbers.length < CHANGES) return
    const before = [...this.#numbers]
    const recorded = await this.recorded()
    await this.#change({ whole: true, rows: this.all(), ...(recorded ? { recorded } : {}) })
    for (const number of before) await this.#files.remove(nameOf(number))
    this.#numbers = this.#numbers.filter((number) => !before.includes(number))
  }

  override async close(): Promise<void> {
    await this.#last.catch(() => undefined)
    this.#files.close()
  }

  /** One after the other: kept in a file, then in memory. */
  #change(change: Change): Promise<void> {
    const work = this.#last
      .catch(() => undefined)
      .then(async () => {
        const number = (this.#numbers.at(-1) ?? 0) + 1
        this.#numbers.push(number)
        await this.#files.write(nameOf(number), encoded(change))
        if (!change.whole) await this.#apply(change)
      })
    this.#last = work
    return work
  }

  async #apply({ recorded, removed = [], touched = [], rows = [] }: Change): Promise<void> {
    if (recorded) await super.record(recorded)
    await super.remove(removed)
    await super.touch(touched)
    await super.put(rows)
  }
}

/** Bytes of the JSON, the JSON, and vectors from the next multiple of four on. */
function encoded({ rows = [], ...change }: Change): Uint8Array<ArrayBuffer> {
  const size = rows[0]?.vector.length ?? 0
  const json = { ...change, size, rows: rows.map(({ vector: _, ...row }) => row) }
  const text = new TextEncoder().encode(JSON.stringify(json))
  const start = 4 + Math.ceil(text.length / 4) * 4
  const bytes = new Uint8Array(start + rows.length * size * 4)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(text, 4)
  const vectors = new Float32Array(bytes.buffer, start)
  for (const [i, { vector }] of rows.entries()) vectors.set(vector, i * size)
  return bytes
}

function decoded(given: Uint8Array<ArrayBuffer>, name: string): Change {
  try {
    const bytes = given.slice()
    const length = new DataView(bytes.buffer).getUint32(0, true)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, 4 + length))
    const { size, rows, ...change } = JSON.parse(text) as Change & { size: number; rows: Omit<Row, 'vector'>[] }
    const vectors = new Float32Array(bytes.buffer, 4 + Math.ceil(length / 4) * 4, rows.length * size)
    return { ...change, rows: rows.map((row, i) => ({ ...row, vector: vectors.slice(i * size, (i + 1) * size) })) }
  } catch (cause) {
    throw new SourceError('bad-index', `${name} of the index is damaged. Make the index anew.`, { cause })
  }
}
