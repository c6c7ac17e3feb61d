import { afterEach, describe, expect, it, vi } from 'vitest'
import { tensor } from '../base/tensor'
import { topK } from './top-k'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

/** Values in (-1, 1), the same each time. */
function values(count: number, seed = 1): Float32Array {
  let state = seed
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1
  return Float32Array.from({ length: count }, next)
}

async function filled(rows: Float32Array, size: number) {
  const { Vectors } = await import('./vectors')
  const vectors = new Vectors(size)
  for (let row = 0; row < rows.length / size; row++) vectors.set(row, rows.subarray(row * size, (row + 1) * size))
  return vectors
}

for (const simd of [true, false])
  describe(simd ? 'in SIMD' : 'without WebAssembly', () => {
    const made = (rows: Float32Array, size: number) => {
      if (!simd) vi.stubGlobal('WebAssembly', undefined)
      return filled(rows, size)
    }

    it.each([
      [1, 1],
      [3, 5],
      [4, 4],
      [7, 4097],
      [130, 1023],
      [256, 8200],
    ])('rows of %i, %i of them, are found as topK finds them', async (size, count) => {
      const rows = values(size * count)
      const query = values(size, 9)
      const vectors = await made(rows, size)
      expect(vectors.count).toBe(count)
      const [wanted] = topK(tensor(query, [1, size]), tensor(rows, [count, size]), 10)
      const found = vectors.nearest(query, 10)
      expect(found.map(({ index }) => index)).toEqual(wanted!.map(({ index }) => index))
      for (const [i, { score }] of found.entries()) expect(Math.abs(score - wanted![i]!.score)).toBeLessThan(1e-5)
    })

    it('equal rows have equal products wherever they stand, and come in their order', async () => {
      const row = values(37)
      const rows = new Float32Array(37 * 4099)
      for (let i = 0; i < 4099; i++) rows.set(row, i * 37)
      const found = (await made(rows, 37)).nearest(values(37, 5), 4099)
      expect(found.map(({ index }) => index)).toEqual(found.map((_, i) => i))
    })

    it('rows change and leave, NaN is no hit, a filter is kept to', async () => {
      const size = 6
      const vectors = await made(values(size * 20), size)
      const query = Float32Array.of(1, 0, 0, 0, 0, 0)
      vectors.set(3, Float32Array.of(5, 0, 0, 0, 0, 0))
      vectors.set(4, new Float32Array(size).fill(NaN))
      expect(vectors.nearest(query, 1)).toEqual([{ index: 3, score: 5 }])
      expect(vectors.nearest(query, 20)).toHaveLength(19)
      expect(
        vectors
          .nearest(query, 20, (row) => row < 3)
          .map(({ index }) => index)
          .sort(),
      ).toEqual([0, 1, 2])
      vectors.pop()
      expect(vectors.nearest(query, 20)).toHaveLength(18)
      expect(() => vectors.nearest(new Float32Array(size).fill(NaN), 1)).toThrow('holds NaN')
      expect(() => vectors.nearest(query, 0)).toThrow('k is 0')
    })
  })

it('the module is in use where WebAssembly is', async () => {
  const instance = vi.spyOn(WebAssembly, 'Instance')
  await filled(values(8), 4)
  expect(instance).toHaveBeenCalledTimes(1)
  expect(instance.mock.results[0]!.type).toBe('return')
})
