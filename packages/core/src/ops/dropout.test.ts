import { afterEach, expect, it, vi } from 'vitest'
import { scramble } from '../base/random'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

const STEP = 0x9e3779b9

/** As they are told: of text's dropout 2, seed 5. */
function told(count: number, rate: number, from = 0): number[] {
  const stream = scramble(scramble(5) ^ Math.imul(2, STEP))
  const values = Array.from({ length: count }, (_, i) => scramble(stream + Math.imul(from + i, STEP)) / 2 ** 32)
  return values.map((value) => (value >= rate ? Math.fround(1 / (1 - rate)) : 0))
}

for (const simd of [true, false])
  it(`draws each factor from its own number, ${simd ? 'in SIMD' : 'without WebAssembly'}`, async () => {
    const instance = vi.spyOn(WebAssembly, 'Instance')
    if (!simd) vi.stubGlobal('WebAssembly', undefined)
    const { dropoutFactors } = await import('./dropout')
    const drawn = (dims: readonly number[], rate: number, { tokens = 1, firstRow = 0 } = {}) => {
      const place = { seed: 5, of: 'text', index: 2, firstRow } as const
      const factors = [...dropoutFactors(place, dims, rate, tokens)]
      const used = new Float32Array(factors.length).fill(7)
      expect([...dropoutFactors(place, dims, rate, tokens, used)]).toEqual(factors)
      return factors
    }
    for (const dims of [[1], [7], [3, 5], [2, 4097], [4, 32, 96], [0, 3]])
      for (const rate of [0.1, 0.5])
        expect(drawn(dims, rate)).toEqual(
          told(
            dims.reduce((a, b) => a * b),
            rate,
          ),
        )
    expect(drawn([2, 1, 5], 0.3, { tokens: 3, firstRow: 4 })).toEqual([
      ...told(5, 0.3, 4 * 5 * 3),
      ...told(5, 0.3, 5 * 5 * 3),
    ])
    expect(drawn([3, 5], 0.3, { tokens: 0, firstRow: 4 })).toEqual(told(15, 0.3))
    expect(drawn([5], 1)).toEqual([0, 0, 0, 0, 0])
    expect(drawn([5], 0)).toEqual([1, 1, 1, 1, 1])
    expect(instance).toHaveBeenCalledTimes(simd ? 1 : 0)
    instance.mockRestore()
  })
