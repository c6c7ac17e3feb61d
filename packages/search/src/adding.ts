import { embedImages, embedTexts, type ImageSource, InputError, OptionError } from '@dual-encoder/core'
import { platform } from '#platform'
import type { PairEncoder, PairProcessor } from './fingerprint'
import { type Metadata, METADATA_NAME, type Row, type RowState, type Store } from './stores/store'

/** A picture or a text for the index. */
export type Item = {
  readonly id: string
  readonly metadata?: Metadata
  /** An item that is there in the same version is left as it is: an ETag, a hash, a date. */
  readonly version?: string
} & ({ readonly image: ImageSource; readonly text?: never } | { readonly text: string; readonly image?: never })

/** A picture whose unit vector is known. */
export interface Embedded {
  readonly id: string
  readonly vector: Float32Array
}

export interface AddOptions {
  /** Of one model call. Default: 16. */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  /** `total` is known of folders and lists. */
  readonly onProgress?: (progress: { done: number; total?: number; before: number }) => void
}

/** What an addition did, in items. */
export interface AddReport {
  added: number
  /** Embedded again, since their content is another. */
  changed: number
  /** Files whose content was in the index under another name. */
  copied: number
  unchanged: number
  /** Files that are no longer in the folder. */
  removed: number
  readonly failed: { readonly id: string; readonly error: Error }[]
  /** Files of the folder that are no pictures. */
  readonly skipped: readonly string[]
}

/** What is to be embedded, and is then kept as a row. */
interface Work extends Omit<Row, 'vector'> {
  readonly image?: ImageSource
}

/** Rows are kept when so many have come or so many milliseconds have passed, which is what a kill can cost. */
const KEPT = { rows: 1024, every: 2000 }

/** One addition to an index. */
export class Adding {
  readonly #store: Store
  readonly #model: PairEncoder
  readonly #processor: PairProcessor
  readonly #options: AddOptions
  readonly #known = new Map<string, RowState>()
  readonly #byHash = new Map<string, string>()
  readonly #report: AddReport = { added: 0, changed: 0, copied: 0, unchanged: 0, removed: 0, failed: [], skipped: [] }
  #rows: Row[] = []
  #flushed = performance.now()
  #touched: RowState[] = []
  #texts: Work[] = []
  #total: number | undefined

  constructor(store: Store, model: PairEncoder, processor: PairProcessor, options: AddOptions) {
    this.#store = store
    this.#model = model
    this.#processor = processor
    this.#options = options
  }

  /** Pictures in a folder, or one file; what has left the folder leaves the index. */
  async path(given: string): Promise<AddReport> {
    const path = platform.absolute(given)
    const { pictures, skipped } = await platform.listPictures(path)
    await this.#learn()
    this.#total = pictures.length
    await this.#embed(this.#changedFiles(pictures))
    const here = new Set(pictures.map((file) => file.path))
    const gone = [...this.#known.keys()].filter((id) => id.startsWith(`${path}/`) && !here.has(id))
    await this.#store.remove(gone)
    this.#report.removed = gone.length
    return { ...this.#report, skipped }
  }

  async items(items: Iterable<Item> | AsyncIterable<Item>): Promise<AddReport> {
    await this.#learn()
    if (Array.isArray(items)) this.#total = items.length
    await this.#embed(this.#changedItems(items))
    return this.#report
  }

  async #learn(): Promise<void> {
    for (const state of await this.#store.states()) {
      this.#known.set(state.id, state)
      if (state.hash !== null) this.#byHash.set(state.hash, state.id)
    }
  }

  async *#changedFiles(files: readonly { path: string; size: number; mtime: number }[]): AsyncGenerator<Work> {
    for (const { path: id, size, mtime } of files) {
      const known = this.#known.get(id)
      if (known?.size === size && known.mtime === mtime) {
        this.#unchanged()
        continue
      }
      const hash = await platform.hashFile(id).catch((error: Error) => void this.#fail(id, error))
      if (hash === undefined) continue
      const work: Work = { id, kind: 'picture', image: id, size, mtime, hash, text: null, metadata: {} }
      const same = this.#byHash.get(hash)
      if (known?.hash === hash) {
        this.#touched.push({ id, size, mtime, hash })
        this.#unchanged()
      } else if (same === undefined) yield work
      else {
        const vector = (await this.#store.vectors([same])).get(same)
        // Of the addition that runs, not kept yet.
        if (!vector) yield work
        else {
          this.#report.copied++
          await this.#keep(work, vector)
        }
      }
    }
  }

  async *#changedItems(items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Work> {
    for await (const item of items) {
      const { id, version, metadata = {} } = checkedItem(item)
      const hash = version === undefined ? null : `version:${version}`
      if (hash !== null && this.#known.get(id)?.hash === hash) {
        this.#unchanged()
        continue
      }
      const same = { id, size: null, mtime: null, hash, metadata }
      yield item.text === undefined
        ? { ...same, kind: 'picture', image: item.image, text: null }
        : { ...same, kind: 'text', text: item.text }
    }
  }

  async #embed(work: AsyncGenerator<Work>): Promise<void> {
    const { batchSize = 16, signal } = this.#options
    const [model, processor] = [this.#model, this.#processor]
    try {
      for await (const { id: item, embedding, error } of embedImages(
        model,
        processor,
        this.#picturesOf(work, batchSize),
        {
          batchSize,
          ...(signal ? { signal } : {}),
        },
      )) {
        if (embedding) await this.#embedded(item, embedding)
        else await this.#failed(item.id, error)
      }
      await this.#embedTexts()
    } finally {
      // What is done is kept, whatever ended the rest.
      await this.#flush()
    }
  }

  /** Pictures go on, texts are taken aside and embedded as they become a batch. */
  async *#picturesOf(work: AsyncGenerator<Work>, batchSize: number) {
    for await (const item of work) {
      if (item.image !== undefined) yield { id: item, image: item.image }
      else if (this.#texts.push(item) >= batchSize) await this.#embedTexts()
    }
  }

  async #embedTexts(): Promise<void> {
    const batch = this.#texts
    if (batch.length === 0) return
    this.#texts = []
    const { batchSize = 16, signal } = this.#options
    const texts = batch.map((item) => ({ id: item, text: item.text! }))
    // Whole: a text that is too long is an error, and is not cut.
    const prepare = (text: string) => this.#processor({ text: [text] })
    const options = { batchSize, ...(signal ? { signal } : {}) }
    for await (const { id: item, embedding } of embedTexts(this.#model, prepare, texts, options))
      await this.#embedded(item, embedding)
  }

  async #embedded(work: Work, vector: Float32Array): Promise<void> {
    if (this.#known.has(work.id)) this.#report.changed++
    else this.#report.added++
    await this.#keep(work, vector)
  }

  async #keep({ image: _, ...row }: Work, vector: Float32Array): Promise<void> {
    this.#rows.push({ ...row, vector })
    if (this.#rows.length >= KEPT.rows || performance.now() - this.#flushed >= KEPT.every) await this.#flush()
    this.#progress()
  }

  async #flush(): Promise<void> {
    const [rows, touched] = [this.#rows, this.#touched]
    this.#rows = []
    this.#touched = []
    // Of an id that came twice, the last.
    await this.#store.put([...new Map(rows.map((row) => [row.id, row])).values()])
    await this.#store.touch(touched)
    this.#flushed = performance.now()
  }

  /** A row says what its content is, or is none. */
  async #failed(id: string, error: Error): Promise<void> {
    this.#fail(id, error)
    if (this.#known.has(id)) await this.#store.remove([id])
  }

  #fail(id: string, error: Error): void {
    this.#report.failed.push({ id, error })
    this.#progress()
  }

  #unchanged(): void {
    this.#report.unchanged++
    this.#progress()
  }

  #progress(): void {
    const { added, changed, copied, unchanged, failed } = this.#report
    const done = added + changed + copied + unchanged + failed.length
    this.#options.onProgress?.({
      done,
      before: unchanged + copied,
      ...(this.#total === undefined ? {} : { total: this.#total }),
    })
  }
}

/** @throws InputError for what is no item */
function checkedItem(item: Item): Item {
  if (typeof item?.id !== 'string' || item.id === '' || (item.text === undefined) === (item.image === undefined))
    throw new InputError(
      'bad-item',
      'An item needs an id, a string, and an image or a text: { id, image } or { id, text }.',
    )
  for (const [name, value] of Object.entries(item.metadata ?? {})) {
    if (!METADATA_NAME.test(name))
      throw new OptionError(
        'bad-metadata',
        `metadata of ${item.id}: "${name}" cannot be a column. Use a-z, 0-9 and _, and none of the index's own names.`,
      )
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      throw new OptionError(
        'bad-metadata',
        `metadata of ${item.id}: ${name} has to be a string, a number or a boolean.`,
      )
  }
  return item
}
