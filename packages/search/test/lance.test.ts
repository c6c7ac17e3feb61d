import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LanceStore } from '../src/stores/lance'
import type { Row } from '../src/stores/store'

const SIZE = 16
let folder: string
let state: number
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-lance-'))
  state = 1
})
afterEach(() => rm(folder, { recursive: true }))

/** From -1 to 1, the same each time. */
const noise = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
const unit = (vector: readonly number[]) => Float32Array.from(vector, (value) => value / Math.hypot(...vector))
const row = (vector: Float32Array, id: number): Row => ({
  ...{ id: `${id}`, kind: 'picture', size: null, mtime: null, hash: null, text: null, metadata: {} },
  vector,
})

it('looks through as much as texts need, which lie aside of pictures', async () => {
  // The first half of a row's numbers is its group's; texts have the second half alone, where the nearest of a text are
  // spread over all groups: whatever parts LanceDB draws, a few of them are enough for rows and too few for texts.
  const HALF = SIZE / 2
  const half = (size: number) => Array.from({ length: HALF }, () => size * noise())
  const groups = Array.from({ length: 60 }, () => half(1))
  const vectors = Array.from({ length: 3000 }, (_, i) => unit([...groups[i % 60]!, ...half(0.2)]))
  const texts = Array.from({ length: 50 }, () => unit([...half(0), ...half(1)]))
  const store = await LanceStore.open(folder)
  await store.put(vectors.map(row))
  const optimized = async (asked: Float32Array[]) => {
    await store.record({ version: 1, size: SIZE, fingerprint: { image: [1], text: [1] } })
    await store.optimize(1000, () => Promise.resolve(asked))
    return (await store.recorded())!.approximate!
  }
  const [ofRows, ofTexts] = [await optimized(vectors.slice(0, 50)), await optimized(texts)]
  expect(ofTexts.probes).toBeGreaterThan(ofRows.probes)
  expect(ofTexts.recall.texts).toBeGreaterThanOrEqual(0.99)
  const near = async (vector: Float32Array, exact: boolean) =>
    (await store.nearest(vector, { k: 10, exact })).map(({ id }) => id)
  let found = 0
  for (const vector of texts) {
    const wanted = new Set(await near(vector, true))
    found += (await near(vector, false)).filter((id) => wanted.has(id)).length
  }
  expect(found / (10 * texts.length)).toBeCloseTo(ofTexts.recall.texts, 2)
  await store.close()
})

it('is begun anew where a kill has left folders without a version', async () => {
  for (const name of ['index', 'items']) await mkdir(join(folder, `${name}.lance`, 'data'), { recursive: true })
  const recorded = { version: 1, size: SIZE, fingerprint: { image: [1], text: [1] } } as const
  for (const before of [undefined, recorded]) {
    const store = await LanceStore.open(folder)
    expect(await store.recorded()).toEqual(before)
    await store.record(recorded)
    await store.put([row(new Float32Array(SIZE).fill(0.25), 1)])
    expect(await store.count()).toBe(1)
    await store.close()
  }
})
