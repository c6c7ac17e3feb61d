import { InputError, OptionError } from '../base/errors'
import type { Tensor } from '../base/tensor'

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
  const [q, e] = [query.data as Float32Array, embeddings.data as Float32Array]
  return Array.from({ length: q.length / size }, (_, row) => {
    if (q.subarray(row * size, (row + 1) * size).some(Number.isNaN))
      throw new InputError('nan-query', `Row ${row} of query holds NaN, so nothing is near it. Embed it anew.`)
    const best: Hit[] = []
    for (let index = 0; index < count; index++) {
      let score = 0
      for (let d = 0; d < size; d++) score += (q[row * size + d] as number) * (e[index * size + d] as number)
      if (Number.isNaN(score)) continue
      const worst = best.at(-1)
      if (best.length === k && worst && worst.score >= score) continue
      const at = best.findIndex((hit) => hit.score < score)
      best.splice(at < 0 ? best.length : at, 0, { index, score })
      best.length = Math.min(best.length, k)
    }
    return best
  })
}
