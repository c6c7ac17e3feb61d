import { tensor } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'
import { averageWeights } from './average'
import { adamw, optimizerOf, sgd } from './optimizers'

// Their numbers are held to PyTorch's in parity-tests/src/optimizers.test.ts.
describe('optimizers', () => {
  it("corrects AdamW's means for their start at zero", () => {
    const { rate, floor, decay } = adamw({ weightDecay: 0.5 }).numbers(1, 0.1)
    expect(rate).toBeCloseTo(Math.sqrt(0.001), 12)
    expect(floor).toBeCloseTo(1e-8 * Math.sqrt(0.001), 20)
    expect(decay).toBe(0.05)
  })

  it.each([
    [() => adamw({ betas: [0.9, 1] }), /0\.9, 1 given; running means need values in \[0, 1\)/],
    [() => sgd({ weightDecay: -1 }), /sgd: weightDecay is -1/],
    [() => adamw({ lr: 1 } as object), /unknown option "lr"/],
    [() => optimizerOf({ name: 'adam' as 'adamw' }), /"adam" is not known. Should be one of: adamw, lion, sgd/],
  ])('refuses what it cannot do', (make, message) => {
    expect(make).toThrow(message)
  })
})

describe('averageWeights', () => {
  const set = (...values: number[]) => new Map([['w', tensor(values, [values.length])]])

  it('is the mean', () => {
    expect([...averageWeights([set(1, 2), set(3, 6)]).get('w')!.data]).toEqual([2, 4])
  })

  it('refuses sets that differ', () => {
    expect(() => averageWeights([set(1), set(1, 2)])).toThrow(/"w" is not of one shape/)
    expect(() => averageWeights([])).toThrow(/no weights/)
  })
})
