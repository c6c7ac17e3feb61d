/** Decoded picture: RGB, row-major, interleaved. */
export interface RawImage {
  readonly data: Uint8ClampedArray | Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3
}

export interface ImageLimits {
  /** Pictures with more pixels are refused before they are decoded. */
  readonly maxPixels: number
}

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

/** A thread that runs `node-worker` or `browser-worker`. */
export interface Thread {
  post(message: unknown, transfer: ArrayBuffer[]): void
  /** Whether Node waits for it; at first it does not. */
  hold(busy: boolean): void
}

/** What differs between Node and the browser. Chosen by package conditions: `#platform`. */
export interface Platform {
  readonly name: 'node' | 'browser'
  /** Reads a local file, or `[start, end)` of it; undefined where it does not exist. */
  readFile(path: string, range?: readonly [number, number]): Promise<Uint8Array | undefined>
  /** Where a local file really lies; undefined where it does not exist. */
  locateFile(path: string): Promise<LocalFile | undefined>
  /** True for a folder that exists. */
  isFolder(path: string): Promise<boolean>
  /** Writes a file's consecutive chunks beside its place, and creates its folders; `commit` renames it. */
  stageFile(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<StagedFile>
  /** Removes a file, where there is one. */
  removeFile(path: string): Promise<void>
  /** Joins a folder and a name in the platform's manner. */
  joinPath(folder: string, name: string): string
  /** Decodes an encoded image as Pillow's `Image.open(...).convert('RGB')` after EXIF rotation. */
  decodeImage(bytes: Uint8Array, limits: ImageLimits): Promise<RawImage>
  /** The pixels of an object that only this platform knows (sharp instance; image element, canvas, ImageBitmap). */
  readPixels(source: object, limits: ImageLimits): Promise<RawImage | undefined>
  /** How many threads prepare images. */
  readonly threads: number
  /** Starts one; rejects, or calls `onEnd`, where it cannot run or ends by itself. */
  startThread(onMessage: (message: unknown) => void, onEnd: () => void): Promise<Thread>
}
