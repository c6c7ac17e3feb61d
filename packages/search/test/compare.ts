import 'apache-arrow'
import { connect, Index, type Table } from '@lancedb/lancedb'

/** How much of an index is looked through; `refine`: of how many times as many rows the true distances are taken. */
interface Effort {
  readonly probes?: number
  readonly refine?: number
  readonly ef?: number
}

/** The quickest of an index that finds 98%, else what finds most. */
export interface Compared {
  readonly secondsToMake: number
  readonly effort: Effort
  readonly recall: number
  /** Of a query, the median. */
  readonly milliseconds: number
}

/** One index with one effort, as it answers queries. */
interface Contender {
  readonly name: string
  readonly table: Table
  readonly secondsToMake: number
  readonly effort: Effort
  readonly times: number[]
  hits: number
}

const ENOUGH = 0.98
const rounded = (value: number, digits: number) => Number(value.toFixed(digits))
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Each of LanceDB's indexes over the vectors of a table `items`, in tables beside it, by the same queries; `flat` is the scan. */
export async function compareIndexes(
  place: string,
  queries: readonly Float32Array[],
  k: number,
): Promise<Record<string, Compared>> {
  const db = await connect(place)
  const items = await db.openTable('items')
  const vectors = (await items.query().select(['vector']).toArray()) as { vector: Iterable<number> }[]
  const rows = vectors.map(({ vector }) => ({ vector: Float32Array.from(vector) }))
  const numPartitions = Math.round(Math.sqrt(rows.length))
  const common = { distanceType: 'dot', numPartitions } as const
  const probes = [8, 16, 32, 64, 128, 256].filter((count) => count <= numPartitions)
  const whole: Effort[] = probes.map((count) => ({ probes: count }))
  const coded = probes.flatMap((count) => [1, 4, 16].map((refine) => ({ probes: count, refine })))
  // A graph has to be asked for as many as are compared again.
  const graph = [50, 100, 200, 400].flatMap((ef) => [1, 4].map((refine) => ({ probes: 1, ef, refine })))
  const kinds: readonly [string, Index | undefined, readonly Effort[]][] = [
    ['flat', undefined, [{}]],
    ['IVF_FLAT', Index.ivfFlat(common), whole],
    ['IVF_PQ', Index.ivfPq({ ...common, numSubVectors: queries[0]!.length / 8 }), coded],
    ['IVF_RQ', Index.ivfRq(common), coded],
    ['HNSW_SQ', Index.hnswSq({ distanceType: 'dot', numPartitions: 1 }), graph],
  ]
  const all: Contender[] = []
  for (const [name, config, efforts] of kinds) {
    const table = await db.createTable(`compared_${name}`, rows, { mode: 'overwrite' })
    const started = performance.now()
    if (config) await table.createIndex('vector', { config })
    const secondsToMake = rounded((performance.now() - started) / 1000, 1)
    all.push(...efforts.map((effort) => ({ name, table, secondsToMake, effort, times: [], hits: 0 })))
  }
  const [scan, ...others] = all as [Contender, ...Contender[]]
  /** All take their turn with each query: what else the machine does meets each of them. */
  const race = async (contenders: readonly Contender[], asked: readonly Float32Array[]) => {
    for (const one of contenders) Object.assign(one, { times: [], hits: 0 })
    for (const query of asked) {
      const furthest = (await nearest(scan.table, query, k, {})).at(-1)! + 1e-6
      for (const one of contenders) {
        const begun = performance.now()
        const found = await nearest(one.table, query, k, one.effort)
        one.times.push(performance.now() - begun)
        one.hits += found.filter((distance) => distance <= furthest).length
      }
    }
  }
  const finds = ({ hits, times }: Contender) => hits / k / times.length
  const best = (contenders: readonly Contender[]) => {
    const enough = contenders.filter((one) => finds(one) >= ENOUGH)
    if (enough.length === 0) return [...contenders].sort((a, b) => finds(b) - finds(a))
    return enough.sort((a, b) => median(a.times) - median(b.times))
  }
  const byName = (name: string) => others.filter((one) => one.name === name)
  const names = kinds.slice(1).map(([name]) => name)
  const few = queries.filter((_, i) => i % 8 === 0)
  await race(others, few)
  // Of each the three that seem the quickest.
  const finalists = names.map((name) => best(byName(name)).slice(0, 3))
  await race([scan, ...finalists.flat()], queries)
  const told = [scan, ...finalists.map((contenders) => best(contenders)[0]!)].map((one) => {
    const { name, secondsToMake, effort, times } = one
    const figures = { recall: rounded(finds(one), 4), milliseconds: rounded(median(times), 2) }
    return [name, { secondsToMake, effort, ...figures }] as const
  })
  db.close()
  return Object.fromEntries(told)
}

async function nearest(table: Table, query: Float32Array, k: number, effort: Effort): Promise<number[]> {
  const { probes, refine = 1, ef } = effort
  const search = table.vectorSearch(query).distanceType('dot').limit(k).select(['_distance'])
  if (probes === undefined) search.bypassVectorIndex()
  else search.nprobes(probes)
  if (refine > 1) search.refineFactor(refine)
  if (ef !== undefined) search.ef(ef)
  return ((await search.toArray()) as { _distance: number }[]).map(({ _distance }) => _distance)
}
