import { describe, expect, it } from 'vitest'
import { byteTables, plainPlanes, simdPlanes } from './normalize'

const image = (width: number, height: number) =>
  ({ data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 37), width, height, channels: 3 }) as const

describe('planes', () => {
  it.each([
    [1, 1],
    [5, 3],
    [65, 33],
  ])('of %i x %i are the same from WebAssembly and from TypeScript', (width, height) => {
    for (const backend of ['pil', 'torchvision'] as const)
      for (const mean of [undefined, [0.48, 0.45, 0.4]] as const) {
        const normalization = { factor: 1 / 255, ...(mean && { mean, std: [0.2, 0.3, 0.7] as const }) }
        const tables = byteTables(normalization, backend)
        const planes = plainPlanes(image(width, height), tables)
        expect(simdPlanes(image(width, height), tables)).toEqual(planes)
        expect(planes[width * height]).toBe(tables[1]![37])
      }
  })

  it('of pictures that are too large for the module are left to TypeScript', () => {
    expect(simdPlanes(image(2400, 2400), byteTables({}, 'pil'))).toBeUndefined()
  })
})
