import { tensor, type Tensor } from '../base/tensor'
import type { Grid } from './grid'

/** How a grid is cut into square windows, shifted round its edges. */
export interface Windows {
  readonly grid: Grid
  /** Side of a window, in patches. */
  readonly side: number
  /** By how much the windows are off; 0 = not at all. */
  readonly shift: number
}

/** Windows `[down, across]`: the last of each row and column may reach beyond the grid. */
const countOf = ({ grid, side }: Windows): Grid => [Math.ceil(grid[0] / side), Math.ceil(grid[1] / side)]

/**
 * Which token each position of each window holds, position by position and window by window within (so that windows can
 * be taken for heads). Positions beyond the grid hold the token behind the last, which is to be zero.
 */
export function windowIndex(windows: Windows): Tensor<'int32'> {
  const { grid, side, shift } = windows
  const [down, across] = countOf(windows)
  const count = down * across
  const index = new Int32Array(side * side * count)
  const around = (position: number, size: number) => (position + shift) % size
  for (let position = 0; position < side * side; position++) {
    for (let window = 0; window < count; window++) {
      const y = around(Math.floor(window / across) * side + Math.floor(position / side), down * side)
      const x = around((window % across) * side + (position % side), across * side)
      const inside = y < grid[0] && x < grid[1]
      index[position * count + window] = inside ? y * grid[1] + x : grid[0] * grid[1]
    }
  }
  return tensor(index, [index.length])
}

/** Where each token of the grid lies in what `windowIndex` gives. */
export function gridIndex(windows: Windows): Tensor<'int32'> {
  const { grid } = windows
  const index = new Int32Array(grid[0] * grid[1])
  windowIndex(windows).data.forEach((token, at) => {
    if (token < index.length) index[token] = at
  })
  return tensor(index, [index.length])
}

/** Whether windows reach beyond the grid. */
export const isPadded = ({ grid, side }: Windows): boolean => grid.some((size) => size % side !== 0)

/** `[windows, 1, L, L]`: `value` between positions of a window that were not neighbours before the shift, else 0. */
export function windowMask(windows: Windows, value: number): Tensor<'float32'> {
  const { side, shift } = windows
  const [down, across] = countOf(windows)
  const length = side * side
  const data = new Float32Array(down * across * length * length)
  if (shift === 0) return tensor(data, [down * across, 1, length, length])
  const region = (position: number, size: number) => Number(position >= size - side) + Number(position >= size - shift)
  for (let window = 0; window < down * across; window++) {
    const regions = Array.from({ length }, (_, position) => {
      const y = Math.floor(window / across) * side + Math.floor(position / side)
      const x = (window % across) * side + (position % side)
      return region(y, down * side) * 3 + region(x, across * side)
    })
    regions.forEach((a, i) => {
      regions.forEach((b, j) => {
        if (a !== b) data[(window * length + i) * length + j] = value
      })
    })
  }
  return tensor(data, [down * across, 1, length, length])
}

/** `[L * L]` rows of a table of `(2 side - 1)²` distances, for each pair of positions of a window. */
export function distanceIndex(side: number): Tensor<'int32'> {
  const length = side * side
  const index = new Int32Array(length * length)
  for (let a = 0; a < length; a++) {
    for (let b = 0; b < length; b++) {
      const dy = Math.floor(a / side) - Math.floor(b / side) + side - 1
      const dx = (a % side) - (b % side) + side - 1
      index[a * length + b] = dy * (2 * side - 1) + dx
    }
  }
  return tensor(index, [length * length])
}

/**
 * Which tokens lie in each square of two by two, column by column; positions beyond an odd grid hold the token behind the
 * last, which is to be zero.
 */
export function squareIndex([height, width]: Grid): { readonly index: Tensor<'int32'>; readonly grid: Grid } {
  const half: Grid = [Math.ceil(height / 2), Math.ceil(width / 2)]
  const index = Int32Array.from({ length: 4 * half[0] * half[1] }, (_, i) => {
    const square = Math.floor(i / 4)
    const y = 2 * Math.floor(square / half[1]) + (i % 2)
    const x = 2 * (square % half[1]) + Math.floor((i % 4) / 2)
    return y < height && x < width ? y * width + x : height * width
  })
  return { index: tensor(index, [index.length]), grid: half }
}
