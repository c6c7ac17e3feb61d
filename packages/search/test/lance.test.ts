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
/** A unit vector near a direction. */
function near(direction: readonly number[], spread: number): Float32Array {
  const vector = direction.map((value) => value + spread * noise())
  return Float32Array.from(vector, (value) => value / Math.hypot(...vector))
}
const row = (vector: Float32Array, id: number): Row => ({
  ...{ id: `${id}`, kind: 'picture', size: null, mtime: null, hash: null, text: null, metadata: {} },
  vector,
})

it('looks through as much as texts need, which lie aside of pictures', async () => {
  const directions = Array.from({ length: 60 }, () => [2, ...Array.from({ length: SIZE - 1 }, noise)])
  const vectors = Array.from({ length: 3000 }, (_, i) => near(directions[i % 60]!, 0.2))
  const aside = Array.from({ length: 50 }, () => near([-1, ...Array.from({ length: SIZE - 1 }, noise)], 0.2))
  const store = await LanceStore.open(folder)
  await store.put(vectors.map(row))
  const fingerprint = { image: [1], text: [1] }
  const settled = async (texts: Float32Array[]) => {
    await store.record({ version: 1, size: SIZE, fingerprint })
    await store.settle(1000, () => Promise.resolve(texts))
    return (await store.recorded())!.approximate!
  }
  const [pictures, texts] = [await settled(vectors.slice(0, 50)), await settled(aside)]
  expect(pictures).toMatchObject({ probes: 8, recall: { items: 1 } })
  expect(texts.probes).toBeGreaterThan(pictures.probes)
  expect(texts.recall.texts).toBeGreaterThanOrEqual(0.99)
  const scores = async (vector: Float32Array, exact: boolean) =>
    (await store.nearest(vector, { k: 10, exact })).map(({ score }) => score.toFixed(5))
  for (const vector of aside.slice(0, 10)) expect(await scores(vector, false)).toEqual(await scores(vector, true))
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
