import 'apache-arrow'
import { connect, Index } from '@lancedb/lancedb'

/** How much of an index is looked through; `refine`: of how many times as many rows the true distances are taken. */
interface Effort {
  readonly probes: number
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

const ENOUGH = 0.98
const rounded = (value: number, digits: number) => Number(value.toFixed(digits))

/** Each of LanceDB's indexes over the vectors of a table `items`, in another table beside it, by the same queries. */
export async function compareIndexes(
  place: string,
  queries: readonly Float32Array[],
  k: number,
): Promise<Record<string, Compared>> {
  const db = await connect(place)
  const items = await db.openTable('items')
  const vectors = (await items.query().select(['vector']).toArray()) as { vector: Iterable<number> }[]
  const rows = vectors.map(({ vector }) => ({ vector: Float32Array.from(vector) }))
  const table = await db.createTable('compared', rows, { mode: 'overwrite' })
  const nearest = async (query: Float32Array, { probes, refine = 1, ef }: Partial<Effort>) => {
    const search = table.vectorSearch(query).distanceType('dot').limit(k).select(['_distance'])
    if (probes === undefined) search.bypassVectorIndex()
    else search.nprobes(probes)
    if (refine > 1) search.refineFactor(refine)
    if (ef !== undefined) search.ef(ef)
    return ((await search.toArray()) as { _distance: number }[]).map(({ _distance }) => _distance)
  }
  const furthest: number[] = []
  for (const query of queries) furthest.push((await nearest(query, {})).at(-1)! + 1e-6)

  const numPartitions = Math.round(Math.sqrt(rows.length))
  const common = { distanceType: 'dot', numPartitions } as const
  const probes = [8, 16, 32, 64, 128, 256].filter((count) => count <= numPartitions)
  const whole: Effort[] = probes.map((count) => ({ probes: count }))
  const coded = probes.flatMap((count) => [1, 4, 16, 64].map((refine) => ({ probes: count, refine })))
  // A graph has to be asked for as many as are compared again.
  const graph = [50, 100, 200, 400, 800].flatMap((ef) => [1, 4].map((refine) => ({ probes: 1, ef, refine })))
  const kinds: readonly [string, Index, readonly Effort[]][] = [
    ['IVF_FLAT', Index.ivfFlat(common), whole],
    ['IVF_PQ', Index.ivfPq({ ...common, numSubVectors: queries[0]!.length / 8 }), coded],
    ['IVF_RQ', Index.ivfRq(common), coded],
    ['HNSW_SQ', Index.hnswSq({ distanceType: 'dot', numPartitions: 1 }), graph],
  ]
  const compared: Record<string, Compared> = {}
  for (const [name, config, efforts] of kinds) {
    const started = performance.now()
    await table.createIndex('vector', { config, replace: true })
    const secondsToMake = rounded((performance.now() - started) / 1000, 1)
    const tried: Compared[] = []
    for (const effort of efforts) {
      const times: number[] = []
      let hits = 0
      for (const [i, query] of queries.entries()) {
        const asked = performance.now()
        const found = await nearest(query, effort)
        times.push(performance.now() - asked)
        hits += found.filter((distance) => distance <= furthest[i]!).length
      }
      const milliseconds = rounded(times.sort((a, b) => a - b)[times.length >> 1]!, 2)
      tried.push({ secondsToMake, effort, recall: rounded(hits / k / queries.length, 4), milliseconds })
    }
    const enough = tried.filter(({ recall }) => recall >= ENOUGH).sort((a, b) => a.milliseconds - b.milliseconds)
    compared[name] = enough[0] ?? tried.sort((a, b) => b.recall - a.recall)[0]!
  }
  db.close()
  return compared
}
