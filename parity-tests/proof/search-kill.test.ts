import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AutoProcessor } from '@dual-encoder/core'
import { AutoModel, type OnnxModel } from '@dual-encoder/onnx'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { builtBin } from '../../packages/cli/test/bin'
import { fixture } from '../../packages/cli/test/cli'
import { writeViews } from '../../packages/cli/test/views'
import { SearchIndex } from '../../packages/search/src/index'
import { random } from './faults'
import { record } from './record'

const PICTURES = Number(process.env.PROOF_PICTURES ?? 6000)
const KILLS = 10
const source = fixture('models/emoji-vit-bert')
let folder: string
let pictures: string
let bin: string
let model: OnnxModel
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-search-kill-'))
  pictures = join(folder, 'pictures')
  await writeViews(pictures, PICTURES)
  bin = await builtBin('search-kill')
  model = (await AutoModel.fromPretrained(source)) as OnnxModel
})
afterAll(async () => {
  await model.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** `dual-encoder index`, which also makes the approximate index. */
const indexing = (place: string) =>
  spawn(
    process.execPath,
    [bin, 'index', pictures, '--index', join(folder, place), '--exact-below', String(PICTURES / 4)],
    {
      env: { ...process.env, DUAL_ENCODER_MODEL: source },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
const opened = async (place: string) => {
  const processor = await AutoProcessor.fromPretrained(source)
  return SearchIndex.open(join(folder, place), { model, processor, create: false })
}
/** Every row of an index, by its cosine with one and the same vector. */
async function rowsOf(place: string): Promise<Map<string, number>> {
  await using index = await opened(place)
  const rows = await index.search('a dog', { k: 2 * PICTURES, exact: true })
  const byId = new Map(rows.map(({ id, score }) => [id, score]))
  expect([byId.size, await index.count()]).toEqual([rows.length, rows.length])
  return byId
}

it(`killed -9 at ${KILLS} random moments: nothing is lost, nothing is there twice`, async () => {
  const started = performance.now()
  expect(await once(indexing('straight'), 'exit')).toEqual([0, null])
  const whole = performance.now() - started
  const next = random(23)
  const rowsWhenKilled: number[] = []
  while (rowsWhenKilled.length < KILLS) {
    const child = indexing('killed')
    const ended = once(child, 'exit')
    await delay((0.05 + 0.25 * next()) * whole)
    child.kill('SIGKILL')
    await ended
    rowsWhenKilled.push((await rowsOf('killed').catch(() => new Map())).size)
  }
  expect(await once(indexing('killed'), 'exit')).toEqual([0, null])
  const [wanted, found] = [await rowsOf('straight'), await rowsOf('killed')]
  const differing = [...wanted].filter(([id, score]) => !(Math.abs(score - (found.get(id) ?? NaN)) < 1e-5))
  await using index = await opened('killed')
  const { approximate } = await index.info()
  await record('search-kill', {
    what: '`dual-encoder index` of a folder, killed -9 at random moments, then run to its end, against an index made at once',
    pictures: PICTURES,
    rowsWhenKilled,
    rows: { atOnce: wanted.size, killed: found.size },
    differing: differing.length,
    approximate,
  })
  expect(wanted.size).toBe(PICTURES)
  expect(found.size).toBe(PICTURES)
  expect(differing).toEqual([])
  expect(approximate?.rows).toBeGreaterThanOrEqual(PICTURES / 4)
  // Rows that were kept are never fewer after the next kill.
  expect(rowsWhenKilled.toSorted((a, b) => a - b)).toEqual(rowsWhenKilled)
}, 1_800_000)
