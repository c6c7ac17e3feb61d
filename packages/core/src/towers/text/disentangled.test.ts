import { expect, it } from 'vitest'
import { bucketOf } from './disentangled'

// make_log_bucket_position of transformers 5.24, PyTorch 2.15: of distances 0 to 599 where a bucket begins, and the sum.
it.each([
  [4, 24, [1, 2, 3, 24, 265], 2705],
  [6, 40, [1, 2, 3, 4, 11, 40, 141, 508], 4090],
  [256, 512, undefined, 110448],
])('has the %i buckets of transformers up to %i', (buckets, most, begin, sum) => {
  const all = Array.from({ length: 600 }, (_, distance) => bucketOf(distance, buckets, most))
  const found = [...all.keys()].filter((i) => i > 0 && all[i] !== all[i - 1])
  if (begin) expect(found).toEqual(begin)
  expect(all.reduce((a, b) => a + b)).toBe(sum)
  expect(all.map((_, distance) => bucketOf(-distance, buckets, most) + bucketOf(distance, buckets, most))).toEqual(
    all.map(() => 0),
  )
})
