import { expect, it } from 'vitest'
import { tensor } from '../base/tensor'
import { topK } from './top-k'

const rows = tensor([0, 1, NaN, 0, 1, 0, 0.6, 0.8, Infinity, NaN], [5, 2])

it('leaves rows with NaN out of the hits', () => {
  const [hits] = topK(tensor([1, 0], [1, 2]), rows, 5)
  expect(hits!.map(({ index }) => index)).toEqual([2, 3, 0])
  expect(hits!.map(({ score }) => score)).toEqual([1, expect.closeTo(0.6), 0])
})

it('refuses a query with NaN, and says which row it is in', () => {
  expect(() => topK(tensor([1, 0, 0, NaN], [2, 2]), rows, 1)).toThrow(
    expect.objectContaining({ code: 'nan-query', message: expect.stringContaining('Row 1') as string }),
  )
})
