import { expect, it } from 'vitest'
import { hadamard, turned, turnOf } from './hadamard'

const times = (row: Float32Array, matrix: Float32Array) =>
  row.map((_, i) => row.reduce((sum, value, j) => sum + value * (matrix[j * row.length + i] as number), 0))

it('turns as many values as a power of two that divides the row, and 64 at most', () => {
  expect([384, 4304, 50, 7].map(turnOf)).toEqual([64, 16, 2, 1])
})

it('gives each value of a part a share of the largest, and is undone by the matrix', () => {
  const row = Float32Array.of(0, 100, 0, 0, 1, 2, 3, 4)
  expect([...turned(row, 4)]).toEqual([100, 100, -100, 100, 2, 4, 6, 8])
  const matrix = hadamard(8).data as Float32Array
  expect([...times(turned(row, 8), matrix)]).toEqual([...row])
  expect(hadamard(8)).toBe(hadamard(8))
})
