import { sizeOf, tensor } from '../../base/tensor'
import type { WeightEntry } from '../entry'

const TEMPERATURE = 10_000

/**
 * Positions of square grids as big_vision's `posemb_sincos_2d` computes them, in float32: sines and cosines of the column,
 * then of the row. The grid is that of the shape that is asked for, `[..., rows, size]`.
 * @param before rows of zeros before them
 */
export function sincosPositions(name: string, size: number, before: number): WeightEntry {
  const quarter = size / 4
  const frequencies = Float32Array.from({ length: quarter }, (_, i) => 1 / TEMPERATURE ** (i / (quarter - 1)))
  const of = (shape: readonly number[]): WeightEntry => {
    const side = Math.sqrt((shape.at(-2) ?? 0) - before)
    return {
      name,
      change: 'computed',
      shape: Number.isInteger(side) ? shape : [],
      storage: 'F32',
      sized: of,
      async read() {
        const data = new Float32Array(sizeOf(shape))
        for (let row = 0; row < side; row++)
          for (let column = 0; column < side; column++) {
            const at = (before + row * side + column) * size
            for (const [i, frequency] of frequencies.entries()) {
              const [x, y] = [Math.fround(column * frequency), Math.fround(row * frequency)]
              for (const [part, value] of [Math.sin(x), Math.cos(x), Math.sin(y), Math.cos(y)].entries())
                data[at + part * quarter + i] = value
            }
          }
        return tensor(data, shape)
      },
    }
  }
  return of([before, size])
}
