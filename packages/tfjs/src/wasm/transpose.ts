/** Side of the squares that are transposed one at a time: two of them fit a first-level cache. */
const TILE = 32

/** `from` `[batch, rows, columns]` -> `to` `[batch, columns, rows]`. */
export function transposeInto(from: Float32Array, to: Float32Array, rows: number, columns: number): void {
  const size = rows * columns
  for (let start = 0; start < from.length; start += size)
    for (let top = 0; top < rows; top += TILE)
      for (let left = 0; left < columns; left += TILE) {
        const bottom = Math.min(top + TILE, rows)
        const right = Math.min(left + TILE, columns)
        for (let column = left; column < right; column++) {
          let at = start + column * rows + top
          for (let row = top; row < bottom; row++) to[at++] = from[start + row * columns + column]!
        }
      }
}
