import type { Store } from '../stores/store'

/** A file as a folder lists it. */
export interface FileState {
  /** Its path. */
  readonly path: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly mtime: number
}

export interface FoundFiles {
  readonly pictures: FileState[]
  /** Paths of files that are no pictures. */
  readonly skipped: string[]
}

/** What differs between Node and browsers. Chosen by package conditions: `#platform`. */
export interface SearchPlatform {
  openStore(place: string, storage?: Readonly<Record<string, string>>): Promise<Store>
  /** A path that means the same wherever the program runs. */
  absolute(path: string): string
  isFolder(path: string): Promise<boolean>
  /** All files of a folder, or the one file. */
  listPictures(path: string): Promise<FoundFiles>
  hashFile(path: string): Promise<string>
}
