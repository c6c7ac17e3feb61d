import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AutoProcessor } from '@dual-encoder/core'
import { folder as folderOfModel } from '@dual-encoder/model-pictures'
import { AutoModel, type OnnxModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Item, SearchIndex } from '../../packages/search/src/index'
import { compareIndexes, type Compared } from '../../packages/search/test/compare'
import { record } from './record'

const ROWS = Number(process.env.PROOF_ROWS ?? 100_000)
const PART = Math.min(ROWS, 10_000)
const QUERIES = 200
const K = 10
const source = process.env.PROOF_MODEL ?? fileURLToPath(folderOfModel)
const root = fileURLToPath(new URL('../../', import.meta.url))
const script = fileURLToPath(new URL('search-views.mjs', import.meta.url))
const node = async (...args: string[]) => promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 })

interface Entry {
  readonly image: Uint8Array
  readonly label: string
}
interface Views {
  readPictures(): Promise<Entry[]>
  views(entries: readonly Entry[], from: number, to: number): AsyncGenerator<Item>
}
let folder: string
let model: OnnxModel
let index: SearchIndex
let entries: Entry[]
let queries: Float32Array[]
const { readPictures, views } = (await import(script)) as Views
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-search-proof-'))
  // What a fresh machine lacks is made of packages (npm run pictures): some minutes.
  entries = await readPictures().catch(async () => {
    await node(`${root}tools/pictures/build.mjs`)
    return readPictures()
  })
  model = (await AutoModel.fromPretrained(source)) as OnnxModel
  const processor = await AutoProcessor.fromPretrained(source)
  index = await SearchIndex.open(join(folder, 'index'), { model, processor, exactBelow: ROWS / 2 })
  const labels = [...new Set(entries.map(({ label }) => label))]
  const texts = Array.from({ length: QUERIES }, (_, i) => labels[Math.floor((i * labels.length) / QUERIES)]!)
  queries = []
  for (const text of texts) {
    const { data } = await model.getTextFeatures(await processor({ text: [text] }), { normalize: true })
    queries.push((data as Float32Array).slice())
  }
}, 1_800_000)
afterAll(async () => {
  await index.close()
  await model.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** Vectors of all views, by two processes side by side; parts that an earlier run has finished are taken as they are. */
async function embedded(): Promise<Float32Array> {
  const weights = createHash('sha256').update(await readFile(join(source, 'model.safetensors')))
  const parts = `${root}.cache/search-proof/${weights.digest('hex').slice(0, 8)}`
  await mkdir(dirname(parts), { recursive: true })
  const all = Array.from({ length: Math.ceil(ROWS / PART) }, (_, i) => {
    const [from, to] = [i * PART, Math.min(ROWS, (i + 1) * PART)]
    return { from, to, file: `${parts}-${from}-${to}.f32` }
  })
  const left = all.filter(({ file }) => !existsSync(file))
  const child = async () => {
    for (let part = left.shift(); part; part = left.shift()) {
      const { file, ...rows } = part
      await node(script, file, JSON.stringify({ source, ...rows }))
    }
  }
  await Promise.all([child(), child()])
  const bytes = await Promise.all(all.map(({ file }) => readFile(file)))
  return new Float32Array(new Uint8Array(Buffer.concat(bytes)).buffer)
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!
const rounded = (value: number, digits = 2) => Number(value.toFixed(digits))
const timed = async <T>(work: () => Promise<T>) => {
  const started = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - started) / 1000 }
}
const result: Record<string, unknown> = {
  what: 'views of real pictures in LanceDB, labels as queries: recall@10 of the approximate index against its flat scan',
  model: process.env.PROOF_MODEL ?? '@dual-encoder/model-pictures',
  rows: ROWS,
}

it(`${ROWS} pictures: the approximate index finds 98% of what a flat scan does`, async () => {
  const vectors = await embedded()
  const size = vectors.length / ROWS
  const put = await timed(async () => {
    for (let from = 0; from < ROWS; from += PART) {
      const rows = Array.from({ length: Math.min(PART, ROWS - from) }, (_, i) => from + i)
      await index.put(rows.map((row) => ({ id: `${row}`, vector: vectors.slice(row * size, (row + 1) * size) })))
    }
  })
  expect(await index.count()).toBe(ROWS)
  const optimized = await timed(() => index.optimize())
  const [flat, approximate, recalls]: number[][] = [[], [], []]
  for (const vector of queries) {
    const exact = await timed(() => index.search({ vector }, { k: K, exact: true }))
    const found = await timed(() => index.search({ vector }, { k: K }))
    flat!.push(exact.seconds)
    approximate!.push(found.seconds)
    // By score: of rows that are equally near, any will do.
    const least = exact.value.at(-1)!.score - 1e-6
    recalls!.push(found.value.filter(({ score }) => score >= least).length / K)
  }
  const added = await timed(() => index.add(views(entries, ROWS, ROWS + 100)))
  const recall = recalls!.reduce((sum, value) => sum + value) / recalls!.length
  const [scan, probe] = [median(flat!) * 1000, median(approximate!) * 1000]
  const { approximate: kind } = await index.info()
  Object.assign(result, {
    seconds: { put: rounded(put.seconds, 1), optimize: rounded(optimized.seconds, 1), add100: rounded(added.seconds) },
    index: kind,
    queries: QUERIES,
    recallAt10: rounded(recall, 4),
    milliseconds: { flat: rounded(scan), approximate: rounded(probe) },
    speed: rounded(scan / probe, 1),
  })
  await record(`search-${ROWS}`, result)
  expect(added.value.added).toBe(100)
  expect(recall).toBeGreaterThanOrEqual(0.98)
  expect(added.seconds).toBeLessThan(30)
  // Of a few rows the scan is quick.
  if (ROWS >= 100_000) expect(scan / probe).toBeGreaterThanOrEqual(10)
}, 10_800_000)

it("none of LanceDB's indexes finds 98% much quicker", async () => {
  const compared = await compareIndexes(join(folder, 'index'), queries, K)
  await record(`search-${ROWS}`, { ...result, compared })
  const ms = ({ recall, milliseconds }: Compared) => (recall >= 0.98 ? milliseconds : Infinity)
  if (ROWS >= 100_000) expect(ms(compared.IVF_FLAT!)).toBeLessThan(1.5 * Math.min(...Object.values(compared).map(ms)))
}, 3_600_000)
