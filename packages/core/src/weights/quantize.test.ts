import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import { openSource } from '../files/source'
import { openTarget } from '../files/target'
import type { WeightEntry } from './entry'
import { openWeights } from './open'
import { dequantize, groupOf, quantize } from './quantize'
import { readInGroups } from './read-entries'
import { saveWeights } from './save'
import { readSafetensors } from './safetensors/read'
import { writeSafetensors } from './safetensors/write'

const folder = () => mkdtemp(join(tmpdir(), 'dual-encoder-'))
const opened = async (path: string) => (await openWeights(await openSource(path))).weights
const rounded = ({ data }: Tensor) => [...data].map((value) => Number(Number(value).toFixed(2)))
const entry = (name: string, data: readonly number[], shape: readonly number[]): WeightEntry => ({
  name,
  shape,
  storage: 'F32',
  read: () => Promise.resolve(tensor(data, shape)),
})

it.each([2, undefined])('gives a row or a group a scale of its own, rounds to nearest, and zeros stay so', (size) => {
  const { values, scales } = quantize(tensor([1, -127, 0.4, 0.5, 0, 0], size ? [1, 6] : [3, 2]), size)
  expect([...values.data]).toEqual([1, -127, 102, 127, 0, 0])
  expect(scales.dims).toEqual(size ? [1, 3] : [3, 1])
  expect([...scales.data]).toEqual([1, Math.fround(0.5 / 127), 1])
  expect(rounded(dequantize(values, scales))).toEqual([1, -127, 0.4, 0.5, 0, 0])
})

it('takes groups of 32 where they divide all rows, and of whole rows where nothing does', () => {
  expect(
    [
      [768, 384],
      [1152, 4304],
      [40, 64],
    ].map(groupOf),
  ).toEqual([32, 16, undefined])
})

it('takes scales of groups of columns as compressed-tensors has them', () => {
  const values = tensor(Int8Array.of(1, 2, 3, 4), [1, 4], 'int8')
  expect([...dequantize(values, tensor([10, 100], [1, 2])).data]).toEqual([10, 20, 300, 400])
})

it.each([
  [undefined, [1.01, -2.02, 2.99, 4, 4.98, 5.98, 6.99, 8], ['a.weight', 'a.weight_scale']],
  [2, [1.01, -2, 2.99, 4, 5.01, 6, 6.99, 8], ['a.weight_packed', 'a.weight_scale', 'a.weight_shape']],
] as const)('saves int8 and what stays float32, to the same bytes again: %s columns', async (size, values, names) => {
  const [first, second] = [await folder(), await folder()]
  const given = [entry('a.weight', [1, -2, 3, 4, 5, 6, 7, 8], [2, 4]), entry('a.bias', [5, 6], [2])]
  const quantize = { names: new Set(['a.weight']), ...(size ? { size } : {}) }
  const settings = { dtype: 'int8', quantize, metadata: { format: 'pt' } } as const
  await saveWeights(await openTarget(first), given, settings)
  expect([...(await readSafetensors(`${first}/model.safetensors`)).keys()].sort()).toEqual(['a.bias', ...names])
  const weights = await opened(first)
  expect([...weights.keys()].sort()).toEqual(['a.bias', 'a.weight'])
  expect(rounded(await weights.get('a.weight')!.read())).toEqual(values)
  await saveWeights(await openTarget(second), [...weights.values()], settings)
  expect(await readFile(`${second}/model.safetensors`)).toEqual(await readFile(`${first}/model.safetensors`))
})

it('saves kernels as float16 beside int8, but for those that float16 holds badly', async () => {
  const first = await folder()
  const given = [
    entry('kept.weight', [1, 1 / 3, 0, 0], [2, 2, 1, 1]),
    entry('small.weight', [1e-6, 0, 1e-5, 2e-5], [2, 2, 1, 1]),
    entry('large.weight', [1, 1e5], [1, 2, 1, 1]),
    entry('norm.weight', [1 / 3], [1]),
  ]
  const settings = { dtype: 'int8', quantize: { names: new Set<string>() }, metadata: {} } as const
  await saveWeights(await openTarget(first), given, settings)
  const weights = await opened(first)
  const storages = [...weights.values()].map(({ name, storage }) => [name, storage])
  expect(Object.fromEntries(storages)).toEqual({
    'kept.weight': 'F16',
    'small.weight': 'F32',
    'large.weight': 'F32',
    'norm.weight': 'F32',
  })
  const second = await folder()
  await saveWeights(await openTarget(second), [...weights.values()], settings)
  expect(await readFile(`${second}/model.safetensors`)).toEqual(await readFile(`${first}/model.safetensors`))
})

it('comes with its neighbours in one read', async () => {
  const bytes = writeSafetensors({
    'a.weight': tensor(Int8Array.of(2, 4), [1, 2], 'int8'),
    'a.weight_scale': tensor([0.5], [1, 1]),
    'a.bias': tensor([7], [1]),
  })
  const reads: number[] = []
  const { weights } = await openWeights(
    await openSource({
      read: (name, range) => {
        if (name !== 'model.safetensors') return Promise.resolve(undefined)
        reads.push(range ? range[1] - range[0] : -1)
        return Promise.resolve(range ? bytes.subarray(...range) : bytes)
      },
    }),
  )
  reads.length = 0
  const found: unknown[] = []
  for await (const group of readInGroups(weights.values()))
    for (const [{ name }, { data }] of group) found.push([name, ...data])
  expect(found.sort()).toEqual([
    ['a.bias', 7],
    ['a.weight', 1, 2],
  ])
  expect(reads).toEqual([10])
})

it('refuses scales that do not fit', async () => {
  const path = await folder()
  const bytes = writeSafetensors({
    'a.weight': tensor(Int8Array.of(2, 4), [1, 2], 'int8'),
    'a.weight_scale': tensor([1, 1, 1], [3]),
  })
  await (await openTarget(path)).write('model.safetensors', [bytes])
  await expect(opened(path)).rejects.toMatchObject({ code: 'bad-scales' })
})
