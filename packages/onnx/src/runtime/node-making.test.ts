import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor } from '@dual-encoder/core'
import type { WeightEntry } from '@dual-encoder/core/backend'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeInt8, recipeOf } from '../int8/recipe'
import { writeMade } from './node-making'
import { weightBytes } from './weight-bytes'

const [COUNT, ROWS, COLUMNS] = [40, 48, 64]
const SIZE = ROWS * COLUMNS
const HOW = { form: { form: 'rows', outliers: 'turned' }, element: 'int8', beside: [] } as const
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-test-'))
  const values = Float32Array.from({ length: COUNT * SIZE }, (_, i) => Math.sin(i * 1.7) * (i % 23))
  await writeFile(join(folder, 'stored'), new Uint8Array(values.buffer))
})
afterAll(() => rm(folder, { recursive: true }))

/** Of matrices in one file: values, scales and offsets. */
const made = (): WeightEntry[] =>
  Array.from({ length: COUNT }, (_, i) => {
    const read = () => Promise.reject(new Error('not by itself'))
    const local = { folder, name: 'stored', size: 4 * COUNT * SIZE, modified: 0 }
    const location = { file: 'stored', offset: 4 * i * SIZE, length: 4 * SIZE, local, read }
    const of: WeightEntry = { name: `matrix ${i}`, shape: [ROWS, COLUMNS], storage: 'F32', location, read }
    const by = recipeOf([of], HOW)
    return [
      { name: `${i} values`, shape: [COLUMNS, ROWS], storage: 'I8', made: { by, index: 0 }, read } as const,
      { name: `${i} offsets`, shape: [ROWS], storage: 'F32', made: { by, index: 2 }, read } as const,
    ]
  }).flat()

it.each([0, 1, 3])('makes the same weights, with %i threads beside this one', async (threads) => {
  const path = join(folder, `made ${threads}`)
  const ranges = await writeMade(made(), path, () => Promise.resolve(), threads)
  const [bytes, stored] = [await readFile(path), await readFile(join(folder, 'stored'))]
  const lies = (name: string) => {
    const { offset, length } = ranges.get(name)!
    return [...bytes.subarray(offset, offset + length)]
  }
  for (let i = 0; i < COUNT; i++) {
    const matrix = new Float32Array(stored.buffer, stored.byteOffset + 4 * i * SIZE, SIZE)
    const [values, , offsets] = makeInt8(HOW, [tensor(matrix, [ROWS, COLUMNS])])
    expect(lies(`${i} values`)).toEqual([...weightBytes(values!)])
    expect(lies(`${i} offsets`)).toEqual([...weightBytes(offsets!)])
  }
})

it('has other threads make what this one is not asked for yet', async () => {
  const path = join(folder, 'made ahead')
  const size = COUNT * (SIZE + 4 * ROWS)
  const wanted = async () => {
    while ((await readFile(path)).length < size) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await writeMade(made(), path, wanted, 1)
  expect(await readFile(path)).toEqual(await readFile(join(folder, 'made 0')))
})

it('fails where a file has become shorter, whichever thread reads it', async () => {
  await truncate(join(folder, 'stored'), 4 * (COUNT - 1) * SIZE)
  await expect(writeMade(made(), join(folder, 'cut'), () => Promise.resolve(), 2)).rejects.toThrow(
    'A file has become shorter.',
  )
})
