/** A byte range `[start, end)`. */
export type ByteRange = readonly [start: number, end: number]

/** Anything that answers names with bytes: a hub client, OPFS, a cache. */
export interface FileReader {
  /** The file, or `[start, end)` of it; undefined where there is none of that name. */
  read(name: string, range?: ByteRange): Promise<Uint8Array | undefined>
}

/** Where a checkpoint or a processor lies: a folder's path, a URL, picked files, or a reader. */
export type SourceLike = string | URL | readonly File[] | FileReader
