import { type Tensor, tensor } from '../base/tensor'
import type { Grid } from './grid'
import type { Ops, Param } from '../ops/ops'

/** What `compute` makes of a table for images of `size`, as far as the backend keeps it. */
export function resized<T>(
  ops: Ops<T>,
  table: Param,
  size: readonly number[],
  compute: () => T,
  unfold: (small: T) => T = (small) => small,
): T {
  return ops.resized ? ops.resized(table, size.join('x'), compute, unfold) : unfold(compute())
}

/** The `size` of a table that stays as it is, but for its dims. */
export const KEPT = 'kept'

/** `antialiased`: bicubic. */
export type ResizeMode = 'bicubic' | 'bilinear' | 'antialiased'

type Taps1D = readonly (readonly [index: number, weight: number])[]

/**
 * The source pixels of each target pixel along one axis, as `torch.nn.functional.interpolate` (no antialiasing): in
 * float32, a product and what is added to it rounded once, as fused instructions do.
 */
function sourceTaps(from: number, to: number, mode: ResizeMode): Taps1D[] {
  if (mode === 'antialiased') return Array.from({ length: to }, (_, i) => antialiasedTaps(from, to, i))
  const scale = Math.fround(from / to)
  const clamp = (index: number) => Math.min(Math.max(index, 0), from - 1)
  return Array.from({ length: to }, (_, i) => {
    const centre = Math.fround(scale * (i + 0.5) - 0.5)
    if (mode === 'bilinear') {
      const x = Math.max(centre, 0)
      const left = Math.floor(x)
      const weight = Math.fround(x - left)
      return [[clamp(left), 1 - weight] as const, [clamp(left + 1), weight] as const]
    }
    const left = Math.floor(centre)
    const t = Math.fround(centre - left)
    const opposite = Math.fround(1 - t)
    const distances = [Math.fround(t + 1), t, opposite, Math.fround(opposite + 1)]
    return distances.map((distance, k) => [clamp(left - 1 + k), cubic(distance)] as const)
  })
}

/** The same with antialiasing: Keys' kernel with a = -0.5, as wide as the step between target pixels. */
function antialiasedTaps(from: number, to: number, i: number): Taps1D {
  const scale = from / to
  const width = Math.max(scale, 1)
  const centre = scale * (i + 0.5)
  const first = Math.max(Math.floor(centre - 2 * width + 0.5), 0)
  const end = Math.min(Math.floor(centre + 2 * width + 0.5), from)
  const weights = Array.from({ length: end - first }, (_, k) => {
    const x = Math.abs((k + first - centre + 0.5) / width)
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
  })
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight, k) => [first + k, weight / total] as const)
}

/** Keys' cubic convolution with a = -0.75, as PyTorch's. */
function cubic(distance: number): number {
  const a = -0.75
  const fma = (x: number, y: number, z: number) => Math.fround(x * y + z)
  if (distance <= 1) return fma(Math.fround(fma(a + 2, distance, -(a + 3)) * distance), distance, 1)
  return fma(fma(fma(a, distance, -5 * a), distance, 8 * a), distance, -4 * a)
}

/**
 * Resizing a table of positions as one matrix `[kept + to, kept + from]`: rows of a grid are
 * interpolated, `before` and `after` rows that belong to no patch are carried over. A constant of the
 * geometry, so that gradients reach the table on every backend.
 */
export function resizeMatrix(
  from: Grid,
  to: Grid,
  mode: ResizeMode,
  kept: { readonly before?: number; readonly after?: number } = {},
): Tensor<'float32'> {
  const { before = 0, after = 0 } = kept
  const columns = before + from[0] * from[1] + after
  const rows = before + to[0] * to[1] + after
  const data = new Float32Array(rows * columns)
  const add = (row: number, column: number, weight: number) => {
    const at = row * columns + column
    data[at] = (data[at] ?? 0) + weight
  }
  for (let i = 0; i < before; i++) add(i, i, 1)
  for (let i = 0; i < after; i++) add(rows - after + i, columns - after + i, 1)
  const across = sourceTaps(from[1], to[1], mode)
  sourceTaps(from[0], to[0], mode).forEach((down, y) => {
    across.forEach((taps, x) => {
      for (const [sourceY, weightY] of down)
        for (const [sourceX, weightX] of taps)
          add(before + y * to[1] + x, before + sourceY * from[1] + sourceX, weightY * weightX)
    })
  })
  return tensor(data, [rows, columns])
}

/**
 * Position embeddings `[1, prefix + patches, D]` for an image of `imageSize`, from a table that was
 * trained for another one (`interpolate_pos_encoding`). transformers keeps the table as it is for a
 * square image with as many patches, and otherwise takes it as a square grid: with `always`, as in towers
 * that take any size, even for images of the trained size that are not square.
 */
export function positionEmbeddings<T>(
  ops: Ops<T>,
  table: Param,
  options: {
    readonly trained: Grid
    readonly wanted: Grid
    readonly imageSize: readonly [number, number]
    readonly trainedSize: readonly [number, number]
    readonly prefix: number
    readonly hiddenSize: number
    readonly always?: boolean
    readonly antialiased?: boolean
  },
): T {
  const { trained, wanted, imageSize, trainedSize, prefix, hiddenSize, always = false, antialiased = false } = options
  const patches = trained[0] * trained[1]
  const side = Math.floor(Math.sqrt(patches))
  const isSquare = side * side === patches
  const sameSize = imageSize[0] === trainedSize[0] && imageSize[1] === trainedSize[1]
  const keepsSame = sameSize && !(always && isSquare)
  const keep = keepsSame || (imageSize[0] === imageSize[1] && wanted[0] * wanted[1] === patches)
  const kept = () => ops.reshape(ops.param(table), [1, prefix + patches, hiddenSize])
  if (keep) return ops.resized ? ops.resized(table, KEPT, kept) : kept()
  const grid: Grid = isSquare ? [side, side] : trained
  return resized(ops, table, wanted, () => {
    const rows = ops.reshape(ops.param(table), [prefix + patches, hiddenSize])
    const matrix = resizeMatrix(grid, wanted, antialiased ? 'antialiased' : 'bicubic', { before: prefix })
    return ops.reshape(ops.matMul(ops.constant(matrix), rows), [1, prefix + wanted[0] * wanted[1], hiddenSize])
  })
}

/**
 * Fixed positions `[1, patches, D]` of sines and cosines: of the column in the first half, of the row in the second, as
 * MAE and AIMv2 have them.
 */
export function waves([height, width]: Grid, hiddenSize: number): Tensor<'float32'> {
  const quarter = hiddenSize / 4
  const data = new Float32Array(height * width * hiddenSize)
  for (let i = 0; i < height * width; i++) {
    ;[i % width, Math.floor(i / width)].forEach((position, half) => {
      for (let k = 0; k < quarter; k++) {
        const angle = position / 10000 ** (k / quarter)
        const at = i * hiddenSize + half * 2 * quarter + k
        data[at] = Math.sin(angle)
        data[at + quarter] = Math.cos(angle)
      }
    })
  }
  return tensor(data, [1, height * width, hiddenSize])
}
