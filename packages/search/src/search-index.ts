import { checkK, checkOptions } from '@dual-encoder/core/backend'
import { embedTexts, InputError, SourceError } from '@dual-encoder/core'
import { platform } from '#platform'
import { Adding, type AddOptions, type AddReport, type Embedded, type Item } from './adding'
import { ASKED } from './asked'
import { checkFingerprint, fingerprintOf, type PairEncoder, type PairProcessor } from './fingerprint'
import { type Query, queryVector } from './query'
import type { Found, Recorded, Store } from './stores/store'

export interface IndexOptions {
  readonly model: PairEncoder
  readonly processor: PairProcessor
  /** What the model is called, kept for people to read. */
  readonly name?: string
  /** Rows from which on an approximate index is made; below, every query is compared with all. Default: 20,000. */
  readonly exactBelow?: number
  /** Whether to begin an index where there is none. Default: true. */
  readonly create?: boolean
  /** Of object storage: keys, endpoint and so on, as LanceDB names them. */
  readonly storage?: Readonly<Record<string, string>>
}

export interface SearchOptions {
  /** Default: 10. */
  readonly k?: number
  /** SQL over `id`, `kind`, `size`, `mtime`, `text` and the metadata: `year > 2020 AND id LIKE '%/birds/%'`. */
  readonly where?: string
  /** Compare with every row, whatever index there is. Default: false. */
  readonly exact?: boolean
}

export interface DuplicateOptions extends Pick<SearchOptions, 'where'> {
  /** The least cosine of near-identical pictures. Default: 0.97. */
  readonly threshold?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

const SEARCH = ['k', 'where', 'exact'] as const satisfies readonly (keyof SearchOptions)[]

/** An index of pictures and texts that grows, searched by text, picture, vector or a mix of them. */
export class SearchIndex {
  readonly place: string
  readonly #store: Store
  readonly #recorded: Recorded
  readonly #options: IndexOptions

  private constructor(place: string, store: Store, recorded: Recorded, options: IndexOptions) {
    this.place = place
    this.#store = store
    this.#recorded = recorded
    this.#options = options
  }

  /**
   * Opens an index, or begins one: a folder or bucket (`s3://...`) that LanceDB keeps, or `memory:`. In browsers a name in the
   * origin's private file system, in memory while it is open.
   * @throws SourceError `wrong-model` for an index that another model or other preprocessing has made
   */
  static async open(place: string, options: IndexOptions): Promise<SearchIndex> {
    checkOptions(
      options,
      ['model', 'processor', 'name', 'exactBelow', 'create', 'storage'] satisfies (keyof IndexOptions)[],
      'SearchIndex.open',
    )
    const { model, processor, name, create = true, storage } = options
    const begun = create || place.includes(':') || (await platform.isFolder(place))
    const store = begun ? await platform.openStore(place, storage) : undefined
    let recorded = await store?.recorded()
    if (!store || (!recorded && !create))
      throw new SourceError('no-index', `There is no index in ${place}. Make one first: dual-encoder index, or add().`)
    const fingerprint = await fingerprintOf(model, processor)
    if (!recorded) {
      await store.record({ version: 1, size: fingerprint.image.length, fingerprint, ...(name ? { model: name } : {}) })
      recorded = (await store.recorded())!
    }
    checkFingerprint(recorded.fingerprint, fingerprint, `The index ${place}${madeBy(recorded)}`)
    return new SearchIndex(place, store, recorded, options)
  }

  /** How many items there are. */
  count(where?: string): Promise<number> {
    return this.#store.count(where)
  }

  /** What is recorded of the index: its model's name, the size of its vectors, how its approximate index does. */
  async info(): Promise<Pick<Recorded, 'size' | 'model' | 'approximate'> & { readonly count: number }> {
    const { size, model, approximate } = (await this.#store.recorded()) ?? this.#recorded
    return { size, ...(model ? { model } : {}), ...(approximate ? { approximate } : {}), count: await this.count() }
  }

  /**
   * Adds what is new: a folder's pictures (by path, size and time, then by content; files that are gone leave), or items.
   * It may be stopped or killed at any moment: what was done is kept, and the next addition goes on.
   */
  async add(source: string | Iterable<Item> | AsyncIterable<Item>, options: AddOptions = {}): Promise<AddReport> {
    checkOptions(options, ['batchSize', 'signal', 'onProgress'], 'add')
    const adding = new Adding(this.#store, this.#options.model, this.#options.processor, options)
    const report = typeof source === 'string' ? await adding.path(source) : await adding.items(source)
    // Even where nothing is new: an addition before may have been killed as it did this.
    await this.optimize()
    return report
  }

  /**
   * Puts pictures that this index's model has embedded elsewhere in place of those of the same ids, all of them or none. Several
   * may do so at once; `optimize` comes after the last.
   */
  async put(pictures: readonly Embedded[]): Promise<void> {
    const row = { kind: 'picture', size: null, mtime: null, hash: null, text: null, metadata: {} } as const
    await this.#store.put(pictures.map(({ id, vector }) => ({ ...row, id, vector })))
  }

  /** After many changes: puts small files together, makes or renews the approximate index. `add` does so itself. */
  async optimize(): Promise<void> {
    await this.#store.optimize(this.#options.exactBelow ?? 20_000, () => this.#askedTexts())
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#store.remove(ids)
  }

  /** The nearest items to a query, best first. */
  async search(query: Query, options: SearchOptions = {}): Promise<Found[]> {
    checkOptions(options, SEARCH, 'search')
    const { k = 10, where, exact = false } = options
    checkK(k)
    const vector = await queryVector(query, { ...this.#options, size: this.#recorded.size })
    return this.#store.nearest(vector, { k, exact, ...(where === undefined ? {} : { where }) })
  }

  /** The nearest items to one of the index, without itself. */
  async similar(id: string, options: SearchOptions = {}): Promise<Found[]> {
    const vector = (await this.#store.vectors([id])).get(id)
    if (!vector) throw new InputError('no-item', `The index ${this.place} holds no "${id}".`)
    const { k = 10 } = options
    const found = await this.search({ vector }, { ...options, k: k + 1 })
    return found.filter((hit) => hit.id !== id).slice(0, k)
  }

  /** Groups of near-identical items, the largest first. */
  async duplicates(options: DuplicateOptions = {}): Promise<string[][]> {
    checkOptions(options, ['threshold', 'where', 'signal', 'onProgress'], 'duplicates')
    const { threshold = 0.97, where, signal, onProgress } = options
    const ids = (await this.#store.states()).map(({ id }) => id)
    const parents = new Map<string, string>()
    const rootOf = (id: string): string => {
      let root = id
      for (let next = parents.get(root); next !== undefined; next = parents.get(root)) root = next
      return root
    }
    let done = 0
    for (let start = 0; start < ids.length; start += 256) {
      for (const [id, vector] of await this.#store.vectors(ids.slice(start, start + 256))) {
        signal?.throwIfAborted()
        const near = await this.#store.nearest(vector, {
          k: 16,
          exact: false,
          ...(where === undefined ? {} : { where }),
        })
        for (const hit of near) {
          const [a, b] = [rootOf(id), rootOf(hit.id)]
          if (hit.score >= threshold && a !== b) parents.set(a, b)
        }
        onProgress?.(++done, ids.length)
      }
    }
    const byRoot = new Map<string, string[]>()
    for (const id of ids) byRoot.set(rootOf(id), [...(byRoot.get(rootOf(id)) ?? []), id])
    return [...byRoot.values()].filter(({ length }) => length > 1).sort((a, b) => b.length - a.length)
  }

  /** Embeddings of texts as people ask them. */
  async #askedTexts(): Promise<Float32Array[]> {
    const { model, processor } = this.#options
    const vectors: Float32Array[] = []
    const texts = ASKED.map((text, id) => ({ id, text }))
    const prepare = (text: string) => processor({ text: [text] })
    for await (const { embedding } of embedTexts(model, prepare, texts)) vectors.push(embedding)
    return vectors
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const madeBy = ({ model }: Recorded): string => (model ? ` (of ${model})` : '')
