import { expect, it } from 'vitest'
import { LossWatch } from './divergence'

const firstTrouble = (losses: readonly number[], watch = new LossWatch()) => {
  for (const [i, loss] of losses.entries()) {
    const trouble = watch.see(loss, 1)
    if (trouble) return `${i + 1}: ${trouble}`
  }
  return undefined
}
const many = (count: number, loss: (i: number) => number) => Array.from({ length: count }, (_, i) => loss(i))

it('a loss that is no number, or a gradient', () => {
  expect(firstTrouble([1, NaN])).toMatch(/^2: the loss is NaN/)
  expect(new LossWatch().see(1, Infinity)).toMatch(/length of all gradients Infinity/)
})

it('a loss that leaves what it was', () => {
  const falls = many(60, (i) => 4 / (1 + i / 10))
  expect(firstTrouble([...falls, ...many(60, () => 25)])).toMatch(/^7\d: the loss diverges: /)
})

it('not one that is high for a few steps, nor one that rises from very low to where it began', () => {
  const falls = many(60, (i) => 4 / (1 + i))
  expect(firstTrouble([...falls, 30, 1, 1, ...many(60, () => 4)])).toBeUndefined()
})
