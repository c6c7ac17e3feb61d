import type { LocalFile } from '../../platform/platform'
import type { ByteRange, SourceOptions } from '../types'

/** Where the hub is, and what is allowed there: from the options, else from the environment. */
export interface HubSettings {
  readonly endpoint: URL
  readonly token: string | undefined
  /** Why nothing may be fetched, in words; undefined where it may. */
  readonly offline: string | undefined
  readonly cacheDir: string
}

/** What the hub says of a file. */
export interface FileInfo {
  /** The file's name in the cache: sha256 of large files, git's hash of others, as a real hub answers. */
  readonly etag: string
  readonly size: number | undefined
}

/** A file on its way: from byte `start` on. */
export interface Arriving extends FileInfo {
  readonly start: number
  readonly chunks: AsyncIterable<Uint8Array>
  /** Nothing of it is wanted. */
  stop(): Promise<void>
}

export interface StoredFile {
  readonly size: number
  /** Where it lies on this machine's disk. */
  readonly local?: LocalFile
  read(range?: ByteRange): Promise<Uint8Array>
}

/** One repository's files as they were kept. What is visible here is whole and has been checked. */
export interface HubStore {
  /** For messages. */
  readonly describe: string
  /** The commit that a revision was when it was last asked for. */
  commitOf(revision: string): Promise<string | undefined>
  remember(revision: string, commit: string): Promise<void>
  /** A file, `absent` where the hub is known to have none of that name, undefined where nothing is known. */
  find(commit: string, name: string): Promise<StoredFile | 'absent' | undefined>
  /**
   * Fetches a file that is not known and keeps it; one caller at a time, of however many processes.
   * @param fetch from a byte on, which is where an earlier try broke off; answers undefined where there is no such file
   */
  keep(
    commit: string,
    name: string,
    fetch: (from: number) => Promise<Arriving | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<StoredFile | undefined>
}

/** What differs between Node and browsers. Chosen by package conditions: `#hub`. */
export interface HubPlatform {
  settings(options: SourceOptions): Promise<HubSettings>
  /** @param mustKeep whether a file that cannot be kept is an error; in Node it always is */
  store(name: string, settings: HubSettings, mustKeep: boolean): HubStore
  cached(settings: HubSettings): Promise<CachedModel[]>
  /** @returns whether there was one */
  remove(name: string, settings: HubSettings): Promise<boolean>
}

/** A model of the cache, whoever has put it there. */
export interface CachedModel {
  readonly name: string
  /** Bytes of all its files. */
  readonly size: number
  readonly revisions: readonly {
    readonly commit: string
    /** Branches and tags that were this commit when they were last asked for. */
    readonly refs: readonly string[]
    /** In Node, the folder, which may be given in place of the name. */
    readonly folder?: string
  }[]
}
