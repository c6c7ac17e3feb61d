import { describe, expect, it } from 'vitest'
import { HostOps, type HostValue } from '../host/host-ops'
import { OP_CASES, values } from './op-cases'
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
