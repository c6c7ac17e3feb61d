import { expect, it } from 'vitest'
import { bucketOf } from './mpnet'

// MPNetEncoder.relative_position_bucket of transformers 5.24, PyTorch 2.15: where each bucket begins.
it('has the buckets of transformers', () => {
  const starts = (sign: 1 | -1) => {
    const found: number[] = []
    for (let n = 1; n < 300; n++) if (bucketOf(sign * n) !== bucketOf(sign * (n - 1))) found.push(n)
    return found
  }
  const begin = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]
  expect([starts(-1), starts(1)]).toEqual([begin, begin])
  expect([bucketOf(0), bucketOf(-299), bucketOf(299)]).toEqual([0, 15, 31])
})
