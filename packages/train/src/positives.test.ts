import { describe, expect, it } from 'vitest'
import { lossOf } from '@dual-encoder/core/training'
import { positivesOf } from './positives'

describe('positives', () => {
  const rows = (values: Float32Array, n: number) =>
    Array.from({ length: n }, (_, i) => [...values.subarray(i * n, (i + 1) * n)].join(''))

  it('are pairs of one group, picture or caption', () => {
    const pairs = [
      { image: 'a.png', caption: 'a cat' },
      { image: 'a.png', caption: 'a sleeping cat' },
      { image: 'b.png', caption: 'a cat' },
      { image: 'c.png', caption: 'a dog', group: 7 },
      { group: 7 },
    ]
    expect(rows(positivesOf(pairs), 5)).toEqual(['11100', '11000', '10100', '00011', '00011'])
    expect(rows(positivesOf(pairs, 'diagonal'), 5)).toEqual(['10000', '01000', '00100', '00010', '00001'])
  })

  it('are not pairs of which nothing is known', () => {
    expect(rows(positivesOf([{}, {}]), 2)).toEqual(['10', '01'])
  })
})

it('losses have names', () => {
  expect(() => lossOf('clap' as 'clip')).toThrow(/"clap" is not known. Should be one of: clip, siglip, distillation/)
})
