import { InputError, OptionError } from '../base/errors'
import type { Tensor } from '../base/tensor'
import { DOT_BLOCK, dotRow, type Rows } from './dots'

export interface Hit {
  /** Row of `embeddings`. */
  readonly index: number
  /** Dot product: the cosine where both sides are normalised. */
  readonly score: number
}

/**
 * The `k` best rows of `embeddings` `[N, D]` for each row of `query` `[Q, D]`, best first; rows of equal
 * score in their order. Fewer where N < k. A row of `embeddings` with NaN has no score and is no hit.
 * @throws InputError where D differs, or a row of `query` holds NaN
 */
export function topK(query: Tensor, embeddings: Tensor, k: number): Hit[][] {
  if (!Number.isInteger(k) || k < 1) throw new OptionError('bad-k', `k is ${k}; a positive integer is needed.`)
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
    if (q.data.subarray(row * size, (row + 1) * size).some(Number.isNaN))
      throw new InputError('nan-query', `Row ${row} of query holds NaN, so nothing is near it. Embed it anew.`)
    const best: Hit[] = []
    for (let start = 0; start < count; start += DOT_BLOCK) {
      const end = Math.min(start + DOT_BLOCK, count)
      dotRow(q, row, e, start, end, scores)
      for (let index = start; index < end; index++) {
        const score = scores[index - start]!
        const worst = best.at(-1)
        if (Number.isNaN(score) || (best.length === k && worst && worst.score >= score)) continue
        const at = best.findIndex((hit) => hit.score < score)
        best.splice(at < 0 ? best.length : at, 0, { index, score })
        best.length = Math.min(best.length, k)
      }
    }
    return best
  })
}
