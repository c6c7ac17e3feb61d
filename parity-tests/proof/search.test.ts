import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { AutoProcessor } from '@dual-encoder/core'
import { folder as folderOfModel } from '@dual-encoder/model-pictures'
import { AutoModel, type OnnxModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rawPixels } from '../../packages/cli/test/views'
import { type Item, SearchIndex } from '../../packages/search/src/index'
import { record } from './record'

const ROWS = Number(process.env.PROOF_ROWS ?? 100_000)
const QUERIES = 200
const SIDE = 64
const source = process.env.PROOF_MODEL ?? fileURLToPath(folderOfModel)
const SHARDS = ['train', 'held-out', 'stamps', 'emoji']
const tools = fileURLToPath(new URL('../../tools/pictures/', import.meta.url))

interface Entry {
  readonly key: string
  readonly image: Uint8Array
  readonly label: string
  readonly captions: string[]
}
let folder: string
let model: OnnxModel
let index: SearchIndex
let entries: Entry[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-search-proof-'))
  const { readShards } = (await import(`${tools}read.mjs`)) as { readShards(name: string): Promise<Entry[]> }
  const read = async () => (await Promise.all(SHARDS.map(readShards))).flat()
  // What a fresh machine lacks is made of packages (npm run pictures): some minutes.
  entries = await read().catch(async () => {
    await promisify(execFile)(process.execPath, [`${tools}build.mjs`], { maxBuffer: 2 ** 28 })
    return read()
  })
  model = (await AutoModel.fromPretrained(source)) as OnnxModel
  const processor = await AutoProcessor.fromPretrained(source)
  index = await SearchIndex.open(join(folder, 'index'), { model, processor, exactBelow: ROWS / 2 })
}, 1_800_000)
afterAll(async () => {
  await index.close()
  await model.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** Views of the pictures: each time another part of them. */
async function* views(from: number, to: number): AsyncGenerator<Item> {
  const each = Math.ceil(ROWS / entries.length)
  for (let row = from; row < to; row += each) {
    const entry = entries[Math.floor(row / each) % entries.length]!
    const { data } = await rawPixels(entry.image, SIDE)
    for (let view = 0; view < each && row + view < to; view++) {
      const side = SIDE - 4 * (1 + (view % 4))
      const [left, top] = [(view * 5) % (SIDE - side + 1), (view * 3) % (SIDE - side + 1)]
      const part = new Uint8ClampedArray(side * side * 3)
      for (let y = 0; y < side; y++) {
        const start = ((top + y) * SIDE + left) * 3
        part.set(data.subarray(start, start + side * 3), y * side * 3)
      }
      yield { id: `${row + view}`, image: { data: part, width: side, height: side, channels: 3 } }
    }
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!
const timed = async <T>(work: () => Promise<T>) => {
  const started = performance.now()
  const value = await work()
  return { value, seconds: (performance.now() - started) / 1000 }
}

it(`${ROWS} pictures: the approximate index finds 98% of what a flat scan does`, async () => {
  const made = await timed(() => index.add(views(0, ROWS), { batchSize: 64 }))
  expect(made.value.added).toBe(ROWS)
  const labels = [...new Set(entries.map(({ label }) => label))]
  const texts = Array.from({ length: QUERIES }, (_, i) => labels[Math.floor((i * labels.length) / QUERIES)]!)
  const processor = await AutoProcessor.fromPretrained(source)
  const [flat, approximate, recalls]: number[][] = [[], [], []]
  for (const text of texts) {
    const { data } = await model.getTextFeatures(await processor({ text: [text] }), { normalize: true })
    const query = { vector: data.slice() }
    const exact = await timed(() => index.search(query, { k: 10, exact: true }))
    const found = await timed(() => index.search(query, { k: 10 }))
    flat!.push(exact.seconds)
    approximate!.push(found.seconds)
    // By score: of rows that are equally near, any will do.
    const least = exact.value.at(-1)!.score - 1e-6
    recalls!.push(found.value.filter(({ score }) => score >= least).length / 10)
  }
  const added = await timed(() => index.add(views(ROWS, ROWS + 100), { batchSize: 64 }))
  const recall = recalls!.reduce((sum, value) => sum + value) / recalls!.length
  const [scan, probe] = [median(flat!) * 1000, median(approximate!) * 1000]
  const { approximate: kind } = await index.info()
  await record(`search-${ROWS}`, {
    what: 'views of real pictures in LanceDB, labels as queries: recall@10 of the approximate index against its flat scan',
    model: process.env.PROOF_MODEL ?? '@dual-encoder/model-pictures',
    rows: ROWS,
    secondsToIndex: Math.round(made.seconds),
    index: kind,
    queries: QUERIES,
    recallAt10: Number(recall.toFixed(4)),
    milliseconds: { flat: Number(scan.toFixed(2)), approximate: Number(probe.toFixed(2)) },
    speed: Number((scan / probe).toFixed(1)),
    secondsToAdd100: Number(added.seconds.toFixed(2)),
  })
  expect(added.value.added).toBe(100)
  expect(recall).toBeGreaterThanOrEqual(0.98)
  expect(added.seconds).toBeLessThan(30)
  // Of a few rows the scan is quick.
  if (ROWS >= 100_000) expect(scan / probe).toBeGreaterThanOrEqual(10)
}, 10_800_000)
