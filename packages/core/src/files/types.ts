import type { LocalFile } from '../platform/platform'

/** A byte range `[start, end)`. */
export type ByteRange = readonly [start: number, end: number]

/** Anything that answers names with bytes: a hub client, OPFS, a cache. */
export interface FileReader {
  /** The file, or `[start, end)` of it (the whole is taken too); undefined where there is none of that name. */
  read(name: string, range?: ByteRange): Promise<Uint8Array | undefined>
}

/** Where a checkpoint or a processor lies: a folder's path, a URL, picked files, or a reader. */
export type SourceLike = string | URL | readonly File[] | FileReader

export interface Progress {
  readonly file: string
  /** Bytes of this file that have arrived, and that are being fetched in all (undefined where unknown). */
  readonly loaded: number
  readonly total?: number
}

export interface SourceOptions {
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch
  headers?: Readonly<Record<string, string>>
  /** Ends the loading, and nothing after it. */
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
}

/** A source made ready to read from. */
export interface Source extends FileReader {
  /** For messages: the folder, the URL, or what else was given. */
  readonly describe: string
  /** Where a file lies on this machine; undefined elsewhere. */
  locate(name: string): Promise<LocalFile | undefined>
  /** Bytes of a file that lies elsewhere; undefined where it is absent or the source cannot tell. */
  size?(name: string): Promise<number | undefined>
}
