import { describe, expect, it } from 'vitest'
import { HostOps, type HostValue } from '../host/host-ops'
import { OP_CASES, param, values } from './op-cases'
import type { Traced } from './record'
import { Tape } from './tape'

/** How often each op was asked for. */
class CountedOps extends HostOps {
  exps = 0
  override exp(x: HostValue): HostValue {
    this.exps++
    return super.exp(x)
  }
}

describe('layers that are computed again', () => {
  it.each(Object.entries(OP_CASES))('have the same gradients: %s', (_, { of, params = [], f }) => {
    const weights = new Map(params.map(({ name, shape }, i) => [name, values(shape, 20 + i)]))
    const gradientsOf = (recompute?: 'layers') => {
      const ops = new HostOps((name) => weights.get(name))
      const tape = new Tape(ops, () => true, { recompute })
      const leaves = of.map((dims, i) => tape.leaf(values(dims, i + 1)))
      // Two layers: what the first gives enters the second.
      const between = tape.layer(() => leaves.map((x) => tape.mul(tape.exp(x), tape.scalar(0.5))))
      const y = tape.layer(() => f<Traced<HostValue>>(tape, between))
      const { params: found, leaves: ofLeaves } = tape.gradients([[y, values(y.value.dims, 50)]], leaves)
      return [...found.values(), ...ofLeaves].map((x) => [...x!.data])
    }
    expect(gradientsOf('layers')).toEqual(gradientsOf())
  })

  it('are computed once more, and no others are', () => {
    const ops = new CountedOps()
    const tape = new Tape<HostValue>(ops, () => true, { recompute: 'layers' })
    const leaf = tape.leaf(values([2], 1))
    const outside = tape.exp(leaf)
    const y = tape.layer(() => tape.exp(tape.mul(tape.exp(outside), tape.scalar(0.1))))
    expect(ops.exps).toBe(3)
    tape.gradients([[y, values([2], 2)]], [leaf])
    expect(ops.exps).toBe(5)
  })
})

describe('what is cheap to compute again', () => {
  it.each(['gelu', 'quick_gelu'] as const)('gives the same gradients: %s', (activation) => {
    const [first, second] = [
      { weight: param('first', [6, 4]), bias: param('first bias', [6]) },
      { weight: param('second', [3, 6]) },
    ]
    const norm = { weight: param('gain', [4]), bias: param('shift', [4]), eps: 1e-6 }
    const params = [first.weight, first.bias, second.weight, norm.weight, norm.bias]
    const weights = new Map(params.map(({ name, shape }, i) => [name, values(shape, 20 + i)]))
    const gradientsOf = (recompute?: 'cheap') => {
      const tape = new Tape(new HostOps((name) => weights.get(name)), () => true, { recompute })
      const leaf = tape.leaf(values([5, 4], 1))
      const y = tape.linear(tape.linear(tape.layerNorm(leaf, norm), first, activation), second)
      const { params: found, leaves } = tape.gradients([[y, values([5, 3], 50)]], [leaf])
      return [...found.values(), ...leaves].flatMap((x) => [...x!.data])
    }
    const again = gradientsOf('cheap')
    for (const [i, value] of gradientsOf().entries()) expect(again[i]).toBeCloseTo(value, 12)
  })
})
