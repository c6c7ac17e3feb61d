import { InputError } from '../base/errors'
import type { Tensor } from '../base/tensor'
import { Best, checkK, checkQuery, type Hit } from './best'
import { DOT_BLOCK, dotRow, type Rows } from './dots'

/**
 * The `k` best rows of `embeddings` `[N, D]` for each row of `query` `[Q, D]`, best first; rows of equal
 * score in their order. Fewer where N < k. A row of `embeddings` with NaN has no score and is no hit.
 * @throws InputError where D differs, or a row of `query` holds NaN
 */
export function topK(query: Tensor, embeddings: Tensor, k: number): Hit[][] {
  checkK(k)
  const size = query.dims.at(-1) ?? 0
  const [count = 0, width = 0] = embeddings.dims
  if (embeddings.dims.length !== 2 || query.dims.length > 2 || size !== width)
    throw new InputError(
      'bad-shape',
      `query is [${query.dims.join(', ')}] and embeddings [${embeddings.dims.join(', ')}]; [Q, D] and [N, D] of one D are needed.`,
    )
  const q: Rows = { data: query.data as Float32Array, count: query.data.length / size, size }
  const e: Rows = { data: embeddings.data as Float32Array, count, size }
  const scores = new Float64Array(DOT_BLOCK)
  return Array.from({ length: q.count }, (_, row) => {
    checkQuery(q.data.subarray(row * size, (row + 1) * size), row)
    const best = new Best(k)
    for (let start = 0; start < count; start += DOT_BLOCK) {
      const end = Math.min(start + DOT_BLOCK, count)
      dotRow(q, row, e, start, end, scores)
      for (let index = start; index < end; index++) best.offer(index, scores[index - start]!)
    }
    return best.hits
  })
}
