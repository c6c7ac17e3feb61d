import { expect, it } from 'vitest'
import { type Tensor, tensor } from '../base/tensor'
import { openSource } from '../files/source'
import type { WeightEntry, WeightRecipe } from './entry'
import { openWeights } from './open'
import { inFileOrder, readInGroups } from './read-entries'
import { writeSafetensors } from './safetensors/write'

async function opened() {
  const bytes = writeSafetensors({ a: tensor([1], [1]), b: tensor([2, 3], [2]), c: tensor([4], [1]) })
  const reads: number[] = []
  const source = await openSource({
    read: (name, range) => {
      if (name !== 'model.safetensors') return Promise.resolve(undefined)
      reads.push(range ? range[1] - range[0] : -1)
      return Promise.resolve(range ? bytes.subarray(...range) : bytes)
    },
  })
  const { weights } = await openWeights(source)
  reads.length = 0
  return { weights, reads }
}

it('makes what is made of stored weights once, of one read of them and their neighbours', async () => {
  const { weights, reads } = await opened()
  let count = 0
  const by: WeightRecipe = {
    of: [weights.get('b')!, weights.get('c')!],
    how: undefined,
    make(values) {
      count++
      const [b, c] = values.map(({ data }) => data as Float32Array) as [Float32Array, Float32Array]
      return [tensor([b[0]! + c[0]!], [1]), tensor([b[1]! * c[0]!], [1])]
    },
  }
  const part = (name: string, index: number): WeightEntry => ({
    name,
    shape: [1],
    storage: 'F32',
    made: { by, index },
    read: () => Promise.reject(new Error('not by itself')),
  })
  const found: [string, Tensor['data']][] = []
  for await (const group of readInGroups([part('sum', 0), part('product', 1), weights.get('a')!]))
    for (const [{ name }, { data }] of group) found.push([name, data])
  expect(found).toEqual([
    ['sum', Float32Array.of(6)],
    ['product', Float32Array.of(12)],
    ['a', Float32Array.of(1)],
  ])
  expect([count, reads]).toEqual([1, [16]])
})

it('puts entries in the order of their places, what is made of them beside them, and all else last', async () => {
  const { weights } = await opened()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => weights.get(name)!) as [WeightEntry, WeightEntry, WeightEntry]
  const made: WeightEntry = {
    ...b,
    name: 'made',
    location: undefined,
    made: { by: { of: [b], how: undefined, make: (values) => values }, index: 0 },
  }
  const drawn: WeightEntry = { ...a, name: 'drawn', location: undefined }
  expect(inFileOrder([drawn, c, made, a]).map(({ name }) => name)).toEqual(['a', 'made', 'c', 'drawn'])
})
