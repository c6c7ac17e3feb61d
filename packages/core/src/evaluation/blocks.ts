import { InputError } from '../base/errors'
import { float32Of, type Tensor } from '../base/tensor'
import { DOT_BLOCK, dotRow, type Rows } from '../retrieval/dots'

/** @throws InputError for what is no matrix `[N, D]` of at least one value a row */
export function rowsOf(name: string, { dims, data, dtype }: Tensor, size?: number): Rows {
  const [count = 0, width = 0] = dims
  if (dims.length !== 2 || width === 0 || (size !== undefined && width !== size))
    throw new InputError(
      'bad-shape',
      `${name}: ${dtype} [${dims.join(', ')}] was given; [N, ${size ?? 'D'}] is needed, a row of numbers for each.`,
    )
  return { data: float32Of({ dims, data, dtype }), count, size: width }
}

/** Each row divided by its length; a row of zeros stays. */
export function unitRows({ data, count, size }: Rows): Rows {
  const unit = new Float32Array(data.length)
  for (let row = 0; row < count; row++) {
    const from = row * size
    let square = 0
    for (let i = from; i < from + size; i++) square += data[i]! * data[i]!
    const length = Math.sqrt(square)
    for (let i = from; i < from + size; i++) unit[i] = length > 0 ? data[i]! / length : data[i]!
  }
  return { data: unit, count, size }
}

export interface BlockOptions {
  signal?: AbortSignal
  /** Share of the work that is done, from 0 to 1. */
  onProgress?: (done: number) => void
}

/** Multiplications after which the thread's other work has its turn. */
const TURN = 2e7

/**
 * All dot products of rows of a and b, a piece of one row of a at a time; never all at once. `scores[j - start]` is that
 * of row `i` and row `j`, for `start <= j < end`.
 */
export async function eachDotRow(
  a: Rows,
  b: Rows,
  { signal, onProgress }: BlockOptions,
  visit: (i: number, start: number, end: number, scores: Float64Array) => void,
): Promise<void> {
  const scores = new Float64Array(DOT_BLOCK)
  let work = 0
  for (let start = 0; start < b.count; start += DOT_BLOCK) {
    const end = Math.min(start + DOT_BLOCK, b.count)
    for (let i = 0; i < a.count; i++) {
      dotRow(a, i, b, start, end, scores)
      visit(i, start, end, scores)
      work += (end - start) * a.size
      if (work < TURN) continue
      work = 0
      await new Promise((resolve) => setTimeout(resolve))
      signal?.throwIfAborted()
      onProgress?.((start + ((i + 1) / a.count) * (end - start)) / b.count)
    }
  }
  signal?.throwIfAborted()
  onProgress?.(1)
}
