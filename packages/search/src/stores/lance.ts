import { DualEncoderError, OptionError, SourceError } from '@dual-encoder/core'
import type * as lancedb from '@lancedb/lancedb'
import type { Connection, IntoSql, Table } from '@lancedb/lancedb'
import type * as apacheArrow from 'apache-arrow'
import {
  type Approximate,
  type Found,
  metadataOf,
  type Nearest,
  type Recorded,
  type Row,
  type RowState,
  type Store,
} from './store'

type Lance = typeof lancedb
type Arrow = typeof apacheArrow

const COLUMNS = ['id', 'kind', 'size', 'mtime', 'hash', 'text']
/** Each column that is read makes a query slower. */
const UNTOLD = ['vector', 'size', 'mtime', 'hash']
/** Rows above this share that the approximate index has not seen make it anew. */
const STALE = 0.2
/** Of the approximate index: its recall, of texts and of so many of its rows. */
const RECALL = { least: 0.99, samples: 200, k: 10 }
/** Milliseconds for which files that are no longer of the table are kept: a query may still read them. */
const GRACE = 600_000

/** How often a change is tried, and milliseconds of the longest first wait. */
const CHANGE = { tries: 10, wait: 200 }

/** LanceDB and Arrow, which are installed by those who keep an index in a folder. */
async function load(): Promise<{ lance: Lance; arrow: Arrow }> {
  try {
    // One after the other: LanceDB requires Arrow, which Node cannot while it is being imported.
    const arrow = await import('apache-arrow')
    // It tells stderr of its own plans.
    process.env.LANCEDB_LOG ??= 'error'
    return { arrow, lance: await import('@lancedb/lancedb') }
  } catch (cause) {
    throw new SourceError(
      'no-lancedb',
      'An index in a folder is kept by LanceDB, which is not installed: npm install @lancedb/lancedb apache-arrow@18.1.0',
      { cause },
    )
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const among = (ids: readonly string[]): string => `id IN (${ids.map(quoted).join(', ')})`

/** What object storage has refused, or did not answer, with what to look at. */
const unreached = (place: string) => (error: Error) => {
  if (!place.includes('://')) throw error
  // Without the places in the engine's source, which tell users nothing.
  const said = error.message
    .replace(/,? ?(?:location: Location \{[^}]*\}|\/\S+\.rs:\d+:\d+|backtrace: \w+)/g, '')
    .slice(0, 500)
  throw new SourceError(
    'no-storage',
    `${place} cannot be reached: ${said}. Its endpoint, region and keys are given by storage, or by AWS_* in the environment.`,
    { cause: error },
  )
}

/** A change of a table, begun again where somebody else's came in between. */
async function change<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await call()
    } catch (error) {
      if (tries === CHANGE.tries || !/Retryable commit conflict/.test((error as Error).message)) throw error
      await new Promise((done) => setTimeout(done, Math.random() * CHANGE.wait * tries))
    }
}

/** Rows in LanceDB: a folder, or a bucket (`s3://...`). */
export class LanceStore implements Store {
  readonly #place: string
  readonly #lance: Lance
  readonly #arrow: Arrow
  readonly #db: Connection
  #items: Table | undefined
  #recorded: Recorded | undefined
  /** Columns of the table's version that was seen last. */
  #columns: { readonly version: number; readonly names: readonly string[] } | undefined

  private constructor(place: string, lance: Lance, arrow: Arrow, db: Connection) {
    this.#place = place
    this.#lance = lance
    this.#arrow = arrow
    this.#db = db
  }

  static async open(place: string, storage?: Readonly<Record<string, string>>): Promise<LanceStore> {
    const { lance, arrow } = await load()
    // Others may add while this one is open: each call sees what is there.
    const options = { readConsistencyInterval: 0, ...(storage ? { storageOptions: { ...storage } } : {}) }
    const db = await lance.connect(place, options).catch(unreached(place))
    const store = new LanceStore(place, lance, arrow, db)
    store.#items = await store.#begun('items')
    return store
  }

  async recorded(): Promise<Recorded | undefined> {
    if (this.#recorded) return this.#recorded
    const table = await this.#begun('index')
    if (!table) return undefined
    const [row] = (await table.query().toArray()) as { json: string }[]
    return (this.#recorded = row && (JSON.parse(row.json) as Recorded))
  }

  async record(recorded: Recorded): Promise<void> {
    const rows = [{ json: JSON.stringify(recorded) }]
    // Of several that begin the same index, the first.
    const options = (await this.recorded()) ? ({ mode: 'overwrite' } as const) : { existOk: true }
    await this.#db.createTable('index', rows, options).catch(unreached(this.#place))
    this.#recorded = undefined
    await this.recorded()
  }

  async count(where?: string): Promise<number> {
    return this.#items ? this.#filtered(where, () => this.#items!.countRows(where)) : 0
  }

  async states(): Promise<RowState[]> {
    if (!this.#items) return []
    const rows = (await this.#items.query().select(['id', 'size', 'mtime', 'hash']).toArray()) as RowState[]
    return rows.map(({ id, size, mtime, hash }) => ({ id, size, mtime, hash }))
  }

  async put(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return
    const table = await this.#table(rows[0]!.vector.length)
    const added = await this.#addColumns(table, rows)
    const names = added.filter((name) => !COLUMNS.includes(name) && name !== 'vector')
    const records = rows.map((row) => {
      const { metadata: _, ...columns } = row
      return { ...Object.fromEntries(names.map((name) => [name, metadataOf(row, name)])), ...columns }
    })
    await table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(records)
  }

  async touch(states: readonly RowState[]): Promise<void> {
    for (const { id, size, mtime } of states) {
      const values = { size, mtime } as Record<string, IntoSql>
      await change(async () => this.#items?.update({ where: `id = ${quoted(id)}`, values }))
    }
  }

  async remove(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += 500)
      await change(async () => this.#items?.delete(among(ids.slice(start, start + 500))))
  }

  async vectors(ids: readonly string[]): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>()
    for (let start = 0; this.#items && start < ids.length; start += 500) {
      const query = this.#items.query().where(among(ids.slice(start, start + 500)))
      const rows = (await query.select(['id', 'vector']).toArray()) as { id: string; vector: Iterable<number> }[]
      for (const { id, vector } of rows) found.set(id, Float32Array.from(vector))
    }
    return found
  }

  async nearest(vector: Float32Array, { k, where, exact }: Nearest): Promise<Found[]> {
    const table = this.#items
    if (!table) return []
    const approximate = exact ? undefined : (await this.recorded())?.approximate
    const names = await this.#told(table)
    return this.#filtered(where, async () => {
      const query = table
        .vectorSearch(vector)
        .distanceType('dot')
        .limit(k)
        .select([...names, '_distance'])
      if (where !== undefined) query.where(where)
      if (approximate) query.nprobes(approximate.probes)
      else query.bypassVectorIndex()
      const rows = (await query.toArray()) as Iterable<[string, unknown]>[]
      return rows.map((row) => foundOf(row, names))
    })
  }

  async optimize(exactBelow: number, texts: () => Promise<Float32Array[]>): Promise<void> {
    const table = this.#items
    if (!table) return
    await change(() => table.optimize({ cleanupOlderThan: new Date(Date.now() - GRACE) }))
    const [rows, recorded] = [await table.countRows(), await this.recorded()]
    if (!recorded || rows < exactBelow) return
    const made = recorded.approximate
    if (made && rows < made.rows * (1 + STALE)) return
    await this.record({ ...recorded, approximate: await this.#approximate(table, rows, await texts()) })
  }

  async close(): Promise<void> {
    this.#items?.close()
    this.#db.close()
    return Promise.resolve()
  }

  /**
   * Makes an index, and looks through more and more of it until it finds enough: of rows, and of texts, which lie aside of
   * pictures and whose nearest are spread over more of its parts. Its vectors are whole: to look at more of them costs less
   * than to take coded ones' rows and compare again.
   */
  async #approximate(table: Table, rows: number, texts: readonly Float32Array[]): Promise<Approximate> {
    const numPartitions = Math.max(1, Math.round(Math.sqrt(rows)))
    const config = this.#lance.Index.ivfFlat({ distanceType: 'dot', numPartitions })
    await change(() => table.createIndex('vector', { config, replace: true }))
    const step = Math.max(1, Math.floor(rows / RECALL.samples))
    const offsets = Array.from({ length: Math.min(rows, RECALL.samples) }, (_, i) => i * step)
    const samples = (await table.takeOffsets(offsets).select(['vector']).toArray()) as { vector: Iterable<number> }[]
    const ofItems = await recallOf(
      table,
      samples.map(({ vector }) => Float32Array.from(vector)),
    )
    const ofTexts = await recallOf(table, texts)
    for (let probes = 8; ; probes *= 2) {
      const recall = { items: await ofItems(probes), texts: await ofTexts(probes) }
      if (Math.min(recall.items, recall.texts) >= RECALL.least || probes >= numPartitions)
        return { kind: 'IVF_FLAT', rows, recall, probes }
    }
  }

  /** Columns that hits are told with. */
  async #told(table: Table): Promise<readonly string[]> {
    const version = await table.version()
    if (this.#columns?.version !== version) {
      const names = (await table.schema()).fields.map(({ name }) => name)
      this.#columns = { version, names: names.filter((name) => !UNTOLD.includes(name)) }
    }
    return this.#columns.names
  }

  /** A table, if there is one: a kill can leave a folder without its first version, where the table is begun anew. */
  async #begun(name: string): Promise<Table | undefined> {
    return this.#db.openTable(name).catch((error: Error) => {
      if (/was not found/.test(error.message)) return undefined
      return unreached(this.#place)(error)
    })
  }

  async #table(size: number): Promise<Table> {
    if (this.#items) return this.#items
    const { Field, FixedSizeList, Float32, Float64, Schema, Utf8 } = this.#arrow
    const text = (name: string, nullable = true) => new Field(name, new Utf8(), nullable)
    const schema = new Schema([
      text('id', false),
      text('kind', false),
      new Field('size', new Float64(), true),
      new Field('mtime', new Float64(), true),
      text('hash'),
      text('text'),
      new Field('vector', new FixedSizeList(size, new Field('item', new Float32(), true)), false),
    ])
    return (this.#items = await this.#db.createEmptyTable('items', schema, { existOk: true }))
  }

  /** Makes columns of metadata that is new. @returns all columns' names */
  async #addColumns(table: Table, rows: readonly Row[]): Promise<string[]> {
    const names = (await table.schema()).fields.map(({ name }) => name)
    const types = { string: 'STRING', number: 'DOUBLE', boolean: 'BOOLEAN' } as const
    for (const { metadata } of rows)
      for (const [name, value] of Object.entries(metadata)) {
        if (value === null || names.includes(name)) continue
        const type = types[typeof value as keyof typeof types]
        await table.addColumns([{ name, valueSql: `CAST(NULL AS ${type})` }])
        names.push(name)
      }
    return names
  }

  /** What the engine says of a filter, as an error of ours. */
  async #filtered<T>(where: string | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (where === undefined || error instanceof DualEncoderError) throw error
      const said = (error as Error).message.split('\n')[0]!.replace(/^.*GenericFailure, /, '')
      throw new OptionError('bad-filter', `where is "${where}", which ${this.#place} cannot answer: ${said}`, {
        cause: error,
      })
    }
  }
}

/** Measures, by how much is looked through, the share of the true nearest that the table's index finds. */
async function recallOf(table: Table, queries: readonly Float32Array[]): Promise<(probes: number) => Promise<number>> {
  const distances = async (query: Float32Array, probes?: number): Promise<number[]> => {
    const search = table.vectorSearch(query).distanceType('dot').limit(RECALL.k).select(['_distance'])
    if (probes === undefined) search.bypassVectorIndex()
    else search.nprobes(probes)
    return ((await search.toArray()) as { _distance: number }[]).map(({ _distance }) => _distance)
  }
  const wanted = await Promise.all(queries.map((query) => distances(query)))
  return async (probes) => {
    const found = await Promise.all(queries.map((query) => distances(query, probes)))
    // By distance: of rows that are equally near, any will do.
    const hits = found.map((list, i) => list.filter((distance) => distance <= wanted[i]!.at(-1)! + 1e-6).length)
    return hits.reduce((sum, n) => sum + n, 0) / wanted.reduce((sum, list) => sum + list.length, 0)
  }
}

/** @param row of Arrow: as an object it would have, of a column named as one of its own methods, the method */
function foundOf(row: Iterable<[string, unknown]>, names: readonly string[]): Found {
  const values = new Map(row)
  const metadata = names.filter((name) => !COLUMNS.includes(name) && values.get(name) != null)
  return {
    id: values.get('id') as string,
    kind: values.get('kind') as Row['kind'],
    text: (values.get('text') as string | null | undefined) ?? null,
    // LanceDB's distance of dot products.
    score: 1 - (values.get('_distance') as number),
    metadata: Object.fromEntries(metadata.map((name) => [name, values.get(name) as string])),
  }
}
