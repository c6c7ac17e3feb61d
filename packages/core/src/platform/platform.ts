/** A file's place on disk, so that an engine may map it instead of copying it through JavaScript. */
export interface LocalFile {
  /** Folder and name after resolving symbolic links (the Hugging Face cache is made of them). */
  readonly folder: string
  readonly name: string
  readonly size: number
  /** When it was last written, in milliseconds since 1970. */
  readonly modified: number
}

/** A file written aside: it takes its place, or is thrown away. */
export interface StagedFile {
  commit(): Promise<void>
  discard(): Promise<void>
}

/** Bytes kept where they cost no memory of JavaScript's, until nobody holds this any more. */
export interface Spooled {
  readonly size: number
  /** Bytes `[start, end)`; fewer where the file ends before. */
  read(start: number, end: number): Promise<Uint8Array>
}

/** A thread that runs a script and talks to it in messages. */
export interface Thread {
  post(message: unknown, transfer: ArrayBuffer[]): void
  /** Whether Node waits for it; at first it does not. */
  hold(busy: boolean): void
}

/** The text of a thread's script, and what Node hands it as `workerData`. */
export interface ThreadScript {
  readonly text: string
  readonly data?: unknown
}

/** What differs between Node and the browser. Chosen by package conditions: `#platform`. */
export interface Platform {
  readonly name: 'node' | 'browser'
  /** Reads a local file, or `[start, end)` of it; undefined where it does not exist. */
  readFile(path: string, range?: readonly [number, number]): Promise<Uint8Array | undefined>
  /** Where a local file really lies; undefined where it does not exist. */
  locateFile(path: string): Promise<LocalFile | undefined>
  /** Names of all files below a folder, with `/` between, sorted. */
  listFolder(path: string): Promise<string[]>
  /** True for a folder that exists. */
  isFolder(path: string): Promise<boolean>
  /** Writes a file's consecutive chunks beside its place, and creates its folders; `commit` renames it. */
  stageFile(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<StagedFile>
  /** Removes a file, or a folder with all in it, where there is one. */
  removeFile(path: string): Promise<void>
  /** Puts bytes aside for as long as the answer is held. */
  spool(chunks: AsyncIterable<Uint8Array>): Promise<Spooled>
  /** Joins a folder and a name in the platform's manner. */
  joinPath(folder: string, name: string): string
  /** Resolves once timers and messages of this thread have had their turn. */
  turn(): Promise<void>
  /** How many threads there is work for. */
  readonly threads: number
  /** Starts one with a script's text; rejects, or calls `onEnd`, where it cannot run or ends by itself. */
  startThread(script: ThreadScript, onMessage: (message: unknown) => void, onEnd: () => void): Promise<Thread>
}
