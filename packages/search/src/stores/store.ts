import type { Fingerprint } from '../fingerprint'

/** What is told of an item beside its embedding; the columns of filters. */
export type Metadata = Readonly<Record<string, string | number | boolean | null>>

/** One item of an index as it is kept. */
export interface Row {
  readonly id: string
  /** Unit vector `[D]`. */
  readonly vector: Float32Array
  readonly kind: 'picture' | 'text'
  /** Of a file: bytes, and milliseconds since 1970. */
  readonly size: number | null
  readonly mtime: number | null
  /** Of what was embedded: tells whether it has changed. */
  readonly hash: string | null
  /** What was embedded, of texts. */
  readonly text: string | null
  readonly metadata: Metadata
}
/** What tells whether an item has changed. */
export type RowState = Pick<Row, 'id' | 'size' | 'mtime' | 'hash'>

export type Found = Pick<Row, 'id' | 'kind' | 'text' | 'metadata'> & {
  /** Cosine with the query. */
  readonly score: number
}

/** A filter: an expression of SQL over `id`, `kind`, `size`, `mtime`, `text` and the metadata's names. */
export interface Nearest {
  readonly k: number
  readonly where?: string
  /** Compare with every row. */
  readonly exact: boolean
}

/** How the approximate index of a store was found to do. */
export interface Approximate {
  readonly kind: string
  /** Rows when it was made. */
  readonly rows: number
  /** Share of the true ten nearest that it finds: of its own items, and of texts as people ask them. */
  readonly recall: { readonly items: number; readonly texts: number }
  /** Parts that are looked through for a query. */
  readonly probes: number
}

/** What is kept beside the rows. */
export interface Recorded {
  readonly version: 1
  readonly size: number
  readonly fingerprint: Fingerprint
  /** Named in messages. */
  readonly model?: string
  readonly approximate?: Approximate
}

/** Where rows are kept. What a promise has answered survives the end of the process. */
export interface Store {
  recorded(): Promise<Recorded | undefined>
  record(recorded: Recorded): Promise<void>
  count(where?: string): Promise<number>
  states(): Promise<RowState[]>
  /** Puts rows in place of those of the same ids, all of them or none. */
  put(rows: readonly Row[]): Promise<void>
  /** New sizes and times of rows whose content is the same. */
  touch(states: readonly RowState[]): Promise<void>
  remove(ids: readonly string[]): Promise<void>
  vectors(ids: readonly string[]): Promise<Map<string, Float32Array>>
  nearest(vector: Float32Array, options: Nearest): Promise<Found[]>
  /**
   * After many changes: puts small files together; makes or renews an approximate index from `exactBelow` rows on.
   * @param texts unit vectors of texts as people ask them, which the index is tried with
   */
  optimize(exactBelow: number, texts: () => Promise<Float32Array[]>): Promise<void>
  close(): Promise<void>
}

/** What a row has under a name, which may be one that every object has (`constructor`); else null. */
export const metadataOf = ({ metadata }: Pick<Row, 'metadata'>, name: string): Metadata[string] =>
  Object.hasOwn(metadata, name) ? (metadata[name] ?? null) : null

/** Names of metadata that filters can say and that are no column's. */
export const METADATA_NAME = /^(?!(id|vector|kind|size|mtime|hash|text)$)[a-z_][a-z0-9_]*$/
