import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors, tensor } from '@dual-encoder/core'
import type { TowerBase } from '@dual-encoder/core/backend'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'

const FOLDER = fileURLToPath(new URL('../fixtures/towers/vit-bert', import.meta.url))
const LONE = fileURLToPath(new URL('../fixtures/standalone/bert', import.meta.url))
const TABLE = 'text_model.embeddings.word_embeddings.weight'
const idsOf = (...ids: number[]) => ({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) })

describe.each(BACKENDS)('$name', ({ Model, loadAuto }) => {
  const saved = async (model: { savePretrained(target: string): Promise<void> }) => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await model.savePretrained(folder)
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { text_config: object }
    const table = (await readSafetensors(join(folder, 'model.safetensors'))).get(TABLE)!
    return { folder, config, table: table.data as Float32Array, dims: table.dims }
  }

  it('adds tokens around the mean of the old ones, saves them, and drops some again', async () => {
    const model = await Model.fromPretrained(FOLDER)
    const before = await saved(model)
    const known = await model.getTextFeatures(idsOf(5, 99, 7))
    await expect(model.getTextFeatures(idsOf(119))).rejects.toMatchObject({ code: 'id-out-of-range' })
    await model.resizeTokenEmbeddings(113, { padToMultipleOf: 8 })
    expect(await model.getTextFeatures(idsOf(5, 99, 7))).toEqual(known)
    const added = await model.getTextFeatures(idsOf(5, 119))
    await expect(model.getTextFeatures(idsOf(120))).rejects.toMatchObject({ code: 'id-out-of-range' })

    const after = await saved(model)
    expect([after.dims, after.config.text_config]).toMatchObject([[120, 30], { vocab_size: 120 }])
    expect(after.table.slice(0, before.table.length)).toEqual(before.table)
    const row = (index: number) => after.table.slice(index * 30, (index + 1) * 30)
    const mean = row(0).map((_, k) => before.table.reduce((sum, v, i) => sum + (i % 30 === k ? v / 100 : 0), 0))
    const distances = [...row(119)].map((value, k) => Math.abs(value - mean[k]!))
    // A deviation of sqrt(1e-9) times theirs, 0.6.
    expect(Math.max(...distances)).toBeLessThan(1e-4)
    expect(Math.max(...distances)).toBeGreaterThan(1e-6)
    expect(row(118)).not.toEqual(row(119))
    const again = await Model.fromPretrained(after.folder)
    expect(await again.getTextFeatures(idsOf(5, 119))).toEqual(added)

    await again.resizeTokenEmbeddings(60)
    expect((await saved(again)).table).toEqual(before.table.slice(0, 60 * 30))
    await again.resizeTokenEmbeddings(61, { meanResizing: false, seed: 3 })
    const drawn = (await saved(again)).table.slice(60 * 30)
    expect(Math.hypot(...drawn) / Math.sqrt(30)).toBeGreaterThan(0.01)
    expect(Math.hypot(...drawn) / Math.sqrt(30)).toBeLessThan(0.03)
    await expect(again.resizeTokenEmbeddings(0)).rejects.toMatchObject({ code: 'bad-option' })
    await Promise.all([model.dispose(), again.dispose()])
  })
  it('does so for a text tower alone, which is saved as one', async () => {
    await using tower = (await loadAuto(LONE)) as TowerBase
    const known = await tower.forward(idsOf(5, 95, 7))
    await expect(tower.forward(idsOf(105))).rejects.toMatchObject({ code: 'id-out-of-range' })
    await tower.resizeTokenEmbeddings(110)
    expect(await tower.forward(idsOf(5, 95, 7))).toEqual(known)
    const added = await tower.forward(idsOf(5, 109))
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await tower.savePretrained(folder)
    const [before, after] = await Promise.all(
      [LONE, folder].map((at) => readSafetensors(join(at, 'model.safetensors'))),
    )
    expect([...after!.keys()].toSorted()).toEqual([...before!.keys()].toSorted())
    await using again = (await loadAuto(folder)) as TowerBase
    expect(again.config).toMatchObject({ modelType: 'bert', vocabSize: 110 })
    expect(await again.forward(idsOf(5, 109))).toEqual(added)
  })
})
