import type { LocalFile } from '../platform/platform'
import type { DirectoryHandle } from './handles'

/** A byte range `[start, end)`. */
export type ByteRange = readonly [start: number, end: number]

/** Anything that answers names with bytes: a hub client, OPFS, a cache. */
export interface FileReader {
  /** The file, or `[start, end)` of it (the whole is taken too); undefined where there is none of that name. */
  read(name: string, range?: ByteRange): Promise<Uint8Array | undefined>
}

/** Where a checkpoint or a processor lies: a folder's path, a name on the hub, a URL, picked files or folder, or a reader. */
export type SourceLike = string | URL | readonly File[] | DirectoryHandle | FileReader

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
  /** A folder within the source. */
  subfolder?: string
  /** Of a name on the hub: a branch, a tag, a commit's hash or `refs/pr/N`; `main` by default. */
  revision?: string
  /** For the hub's endpoint alone; by default, in Node, `HF_TOKEN` or what `hf auth login` has kept. `false`: none. */
  token?: string | false
  /** Nothing is fetched from the hub: what the cache holds has to do. */
  localFilesOnly?: boolean
  /** Where Node keeps what it downloads; by default the folder that Python's `huggingface_hub` uses. */
  cacheDir?: string
  /** The hub to ask; `HF_ENDPOINT` or https://huggingface.co by default. */
  endpoint?: string | URL
  /** How often in a row a request that fails is made again; 5 by default. */
  retries?: number
  /** Milliseconds without a byte after which a connection counts as stalled; 30,000 by default. */
  timeout?: number
}

/** What every call that takes a source accepts for it. */
export const SOURCE_OPTIONS = [
  'fetch',
  'headers',
  'signal',
  'onProgress',
  'subfolder',
  'revision',
  'token',
  'localFilesOnly',
  'cacheDir',
  'endpoint',
  'retries',
  'timeout',
] as const satisfies readonly (keyof SourceOptions)[]

type SourceKey = (typeof SOURCE_OPTIONS)[number]

/** A call's options as those of its source and the others. */
export function splitOptions<O extends object>(
  options: O,
): { source: Pick<O, keyof O & SourceKey>; rest: Omit<O, SourceKey> } {
  const part = (ofSource: boolean) =>
    Object.fromEntries(
      Object.entries(options).filter(([key]) => (SOURCE_OPTIONS as readonly string[]).includes(key) === ofSource),
    )
  return { source: part(true) as Pick<O, keyof O & SourceKey>, rest: part(false) as Omit<O, SourceKey> }
}

/** A source made ready to read from. */
export interface Source extends FileReader {
  /** For messages: the folder, the URL, or what else was given. */
  readonly describe: string
  /** Where a file lies on this machine; undefined elsewhere. */
  locate(name: string): Promise<LocalFile | undefined>
  /** Bytes of a file that lies elsewhere; undefined where it is absent or the source cannot tell. */
  size?(name: string): Promise<number | undefined>
  /** Names of all files, with `/` between, sorted; absent where a source cannot tell. */
  list?(): Promise<string[]>
  /** The same files for who needs little of them: what is not on this machine is fetched by ranges, as it is read. */
  inParts?(): Source
  /** What a config names beside its own source, opened with the same options (endpoint, token, cache). */
  other?(name: string): Promise<Source>
}
