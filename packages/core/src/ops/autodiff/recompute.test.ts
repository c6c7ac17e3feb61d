import { describe, expect, it } from 'vitest'
import { HostOps, type HostValue } from '../host/host-ops'
import type { Ops } from '../ops'
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

/** Frees what a layer makes and does not return, as ops that compute at once do; what is freed is not to be read. */
class FreeingOps {
  readonly ops: Ops<HostValue>
  readonly #freed = new WeakSet<object>()
  #scopes: Set<HostValue>[] = [new Set()]
  most = 0

  constructor(host: HostOps) {
    const layer: Ops<HostValue>['layer'] = (compute, consumed) => {
      this.#scopes.push(new Set())
      const made = compute()
      const left = new Set(Object.values(made))
      for (const value of this.#scopes.pop()!) this.#end(value, left.has(value))
      for (const value of consumed) this.#end(value, false)
      return made
    }
    this.ops = new Proxy(host, {
      get: (target, name) => {
        if (name === 'layer') return layer
        const op: unknown = Reflect.get(target, name)
        if (typeof op !== 'function' || name === 'dims') return op
        return (...args: unknown[]) => {
          for (const arg of args.flat()) if (this.#freed.has(Object(arg))) throw new Error(`${String(name)}: freed`)
          const value = Reflect.apply(op as () => HostValue, target, args)
          if (!this.#scopes.some((scope) => scope.has(value))) this.#scopes.at(-1)!.add(value)
          this.most = Math.max(
            this.most,
            this.#scopes.reduce((sum, { size }) => sum + size, 0),
          )
          return value
        }
      },
    })
  }

  #end(value: HostValue, stays: boolean): void {
    for (const scope of this.#scopes) scope.delete(value)
    if (stays) this.#scopes.at(-1)!.add(value)
    else this.#freed.add(value)
  }
}

describe('layers that are computed again', () => {
  it.each(Object.entries(OP_CASES))('have the same gradients: %s', (_, { of, params = [], f }) => {
    const weights = new Map(params.map(({ name, shape }, i) => [name, values(shape, 20 + i)]))
    const gradientsOf = (recompute?: 'layers', free = false) => {
      const host = new HostOps((name) => weights.get(name))
      const ops = free ? new FreeingOps(host).ops : host
      const tape = new Tape(ops, () => true, { recompute })
      const leaves = of.map((dims, i) => tape.leaf(values(dims, i + 1)))
      // Two layers: what the first gives enters the second.
      const between = tape.layer(() =>
        Object.fromEntries(leaves.map((x, i) => [i, tape.mul(tape.exp(x), tape.scalar(0.5))])),
      )
      const { y } = tape.layer(() => ({ y: f<Traced<HostValue>>(tape, Object.values(between)) }))
      const { params: found, leaves: ofLeaves } = tape.gradients([[y, values(y.value.dims, 50)]], leaves)
      return [...found.values(), ...ofLeaves].map((x) => [...x!.data])
    }
    const wanted = gradientsOf()
    expect(gradientsOf('layers')).toEqual(wanted)
    expect(gradientsOf(undefined, true)).toEqual(wanted)
    expect(gradientsOf('layers', true)).toEqual(wanted)
  })

  it('are computed once more, and no others are', () => {
    const ops = new CountedOps()
    const tape = new Tape<HostValue>(ops, () => true, { recompute: 'layers' })
    const leaf = tape.leaf(values([2], 1))
    const outside = tape.exp(leaf)
    const { y } = tape.layer(() => ({ y: tape.exp(tape.mul(tape.exp(outside), tape.scalar(0.1))) }))
    expect(ops.exps).toBe(3)
    tape.gradients([[y, values([2], 2)]], [leaf])
    expect(ops.exps).toBe(5)
  })
})

describe('ops that free what a layer does not return', () => {
  const most = (recompute?: 'layers') => {
    const freeing = new FreeingOps(new HostOps())
    const tape = new Tape(freeing.ops, () => true, { recompute })
    tape.dropBy((index, dims) => freeing.ops.constant(values(dims, index)))
    const leaf = tape.leaf(values([3, 4], 1))
    let x: Traced<HostValue> = leaf
    for (let i = 0; i < 16; i++)
      x = tape.layer(() => {
        const dropped = tape.dropout(tape.exp(tape.mul(x, tape.scalar(0.1))), 0.1)
        return { x: tape.add(x, tape.l2Normalize(tape.softmax(dropped))) }
      }).x
    const { leaves } = tape.gradients([[x, values([3, 4], 50)]], [leaf])
    return { values: freeing.most, gradient: [...leaves[0]!.data] }
  }

  it('hold a third of it at a time, and draw again what is dropped', () => {
    const [whole, again] = [most(), most('layers')]
    expect(again.gradient).toEqual(whole.gradient)
    expect(again.values).toBeLessThan(whole.values / 3)
  })
})
