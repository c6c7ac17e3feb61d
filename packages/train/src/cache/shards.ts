import { CheckpointError } from '@dual-encoder/core'
import { decodeValues, encodeValues, type Source } from '@dual-encoder/core/backend'
import { type Folder, folderOf, jsonBytes, type OpenFolder } from '../files'

/** Rows of a file. */
const SHARD = 256

/** `[tokens, size]` of one row; of what has no tokens `[1, size]`. */
export interface Row {
  readonly tokens: number
  readonly data: Float32Array
}

/** What a file of rows holds: the index, which is written last. */
interface Index {
  /** What each row was made of; it counts only for that. */
  readonly of: readonly string[]
  /** Where each row ends, in tokens; of one that failed nothing is held. */
  readonly ends: readonly number[]
  /** Why rows failed, by their place. */
  readonly failed: Readonly<Record<number, string>>
}

/** What makes rows: their numbers, and what each was made of. */
export interface RowMaker {
  readonly count: number
  /** What a row is made of, in words that are other words where that is another. */
  identity(row: number): Promise<string>
  /** The values of rows, or why there are none. */
  make(rows: readonly number[], signal?: AbortSignal): Promise<readonly (Row | Error)[]>
}

export interface FillOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, all: number) => void
}

/**
 * Rows of numbers on disk, `SHARD` a file, read one at a time. A file counts when its index is there, which is written
 * after it: what is killed on the way goes on with the first file that lacks one. Each key has a folder of its own.
 */
export class RowCache {
  readonly #folder: OpenFolder
  readonly #indices: Index[] = []
  #source?: Source

  /** @param size values of a token */
  constructor(
    folder: Folder,
    readonly name: string,
    private readonly size: number,
    private readonly storage: 'F16' | 'F32',
  ) {
    this.#folder = folderOf(folder, name)
  }

  /** Makes what is not there yet. @returns how many rows were made */
  async fill({ count, identity, make }: RowMaker, { signal, onProgress }: FillOptions = {}): Promise<number> {
    let made = 0
    for (let shard = 0; shard * SHARD < count; shard++) {
      signal?.throwIfAborted()
      const rows = Array.from({ length: Math.min(SHARD, count - shard * SHARD) }, (_, i) => shard * SHARD + i)
      const of: string[] = []
      for (const row of rows) of.push(await identity(row))
      const known = (await this.#folder.json(`${nameOf(shard)}.json`)) as Index | undefined
      if (known?.of.length === of.length && known.of.every((one, i) => one === of[i])) this.#indices[shard] = known
      else {
        this.#indices[shard] = await this.#write(shard, of, await make(rows, signal))
        made += rows.length
      }
      onProgress?.(rows.at(-1)! + 1, count)
    }
    this.#source = await this.#folder.source()
    return made
  }

  async #write(shard: number, of: readonly string[], rows: readonly (Row | Error)[]): Promise<Index> {
    const parts: Uint8Array[] = []
    const failed: Record<number, string> = {}
    const ends: number[] = []
    let end = 0
    rows.forEach((row, i) => {
      if (row instanceof Error) failed[i] = row.message
      else {
        const { bytes, overflow } = encodeValues(
          { dims: [row.data.length], dtype: 'float32', data: row.data },
          this.storage,
        )
        if (overflow > 0)
          throw new CheckpointError(
            'cache-overflow',
            `${this.name}: ${overflow} values of a row are beyond what float16 holds. Lock fewer layers, or none.`,
          )
        parts.push(bytes)
        end += row.tokens
      }
      ends.push(end)
    })
    const target = await this.#folder.target()
    // One that is there is of other data: it must not be taken for this one's.
    await target.remove(`${nameOf(shard)}.json`)
    await target.write(`${nameOf(shard)}.bin`, parts)
    const index: Index = { of, ends, failed }
    await target.write(`${nameOf(shard)}.json`, [jsonBytes(index)])
    return index
  }

  /** Tokens of a row. @throws Error where it could not be made */
  tokens(row: number): number {
    const [index, at] = this.#find(row)
    return index.ends[at]! - (index.ends[at - 1] ?? 0)
  }

  #find(row: number): [Index, number] {
    const index = this.#indices[Math.floor(row / SHARD)]
    const at = row % SHARD
    const failed = index?.failed[at]
    if (!index || failed !== undefined) throw new Error(failed ?? `${this.name} holds no row ${row}.`)
    return [index, at]
  }

  /** A row's tokens into `out`, from its start; those alone that are `kept`. */
  async read(row: number, out: Float32Array, kept?: ArrayLike<number | bigint>): Promise<void> {
    const [index, at] = this.#find(row)
    const { size, storage } = this
    const width = size * (storage === 'F16' ? 2 : 4)
    const [start, end] = [index.ends[at - 1] ?? 0, index.ends[at]!]
    const bytes = await this.#source?.read(`${nameOf(Math.floor(row / SHARD))}.bin`, [start * width, end * width])
    if (bytes?.length !== (end - start) * width)
      throw new CheckpointError('cache-damaged', `${this.name}: row ${row} cannot be read. Remove this folder.`)
    const decoded = (part: Uint8Array) =>
      decodeValues(part, storage, [part.length / (width / size)]).data as Float32Array
    if (!kept) return out.set(decoded(bytes))
    for (let i = 0; i < kept.length; i++) {
      const token = Number(kept[i])
      out.set(decoded(bytes.subarray(token * width, (token + 1) * width)), i * size)
    }
  }
}

const nameOf = (shard: number): string => String(shard).padStart(6, '0')
