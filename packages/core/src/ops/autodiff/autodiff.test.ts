import { describe, expect, it } from 'vitest'
import { sizeOf, tensor } from '../../base/tensor'
import { ACTIVATIONS } from '../host/activations'
import { HostOps, type HostValue } from '../host/host-ops'
import type { Activation } from '../activations'
import { dropoutFactors } from '../dropout'
import { OP_CASES, type OpCase, param, values } from './op-cases'
import type { Traced } from './record'
import { Tape } from './tape'

/**
 * Holds the gradient of every variable and parameter to central differences of the plain computation, which also is
 * what the tape's forward pass is held to. Weights of the sum: so that no gradient is the same everywhere.
 */
function check({ of, params = [], f }: OpCase): void {
  const variables = of.map((dims, i) => values(dims, i + 1))
  const weights = new Map(params.map(({ name, shape }, i) => [name, values(shape, 20 + i)]))
  const ops = new HostOps((name) => weights.get(name))
  const total = (): HostValue => f(ops, variables)
  const { dims } = total()
  const factors = values(dims, 50)
  const value = (): number => total().data.reduce((sum, y, i) => sum + y * factors.data[i]!, 0)

  const tape = new Tape(ops)
  const leaves = variables.map((x) => tape.leaf(x))
  const y = f<Traced<HostValue>>(tape, leaves)
  expect(y.value.dims).toEqual(dims)
  total().data.forEach((expected, i) => expect(Math.abs(y.value.data[i]! - expected)).toBeLessThan(1e-12))
  const found = tape.gradients([[y, factors]], leaves)
  expect([...found.params.keys()].sort()).toEqual([...weights.keys()].sort())
  const pairs = [
    ...variables.map((x, i) => [x, found.leaves[i]!] as const),
    ...[...weights].map(([name, x]) => [x, found.params.get(name)!] as const),
  ]
  for (const [x, gradient] of pairs) {
    expect(gradient.dims).toEqual(x.dims)
    for (let i = 0; i < x.data.length; i++) {
      const at = x.data[i]!
      const step = 1e-5
      x.data[i] = at + step
      const above = value()
      x.data[i] = at - step
      const slope = (above - value()) / (2 * step)
      x.data[i] = at
      expect(Math.abs(gradient.data[i]! - slope)).toBeLessThan(2e-8 * Math.max(1, Math.abs(slope)))
    }
  }
}

describe('gradients are those of central differences', () => {
  it.each(Object.keys(OP_CASES))('%s', (name) => check(OP_CASES[name]!))

  it.each(Object.keys(ACTIVATIONS) as Activation[])('activation %s', (name) => {
    check({ of: [[3, 4]], f: (ops, [x]) => ops.activation(ops.mul(x!, ops.scalar(5)), name) })
  })
})

const layer = { weight: param('w', [2, 3]), bias: param('b', [2]) }
const host = new HostOps((name) => values(name === 'w' ? [2, 3] : [2], 3))

it('what is locked has no gradient, and is a constant to what uses it', () => {
  const tape = new Tape(host, (name) => name === 'b')
  const y = tape.linear(tape.fixed(values([4, 3], 1)), layer)
  expect([...tape.gradients([[y, values([4, 2], 2)]]).params.keys()]).toEqual(['b'])
})

it('a parameter that the loss does not depend on is left out', () => {
  const tape = new Tape(host)
  tape.param(layer.weight)
  const y = tape.leaf(values([2], 1))
  expect(tape.gradients([[y, values([2], 2)]]).params.size).toBe(0)
})

it('divides a row of zeros by eps, and so its gradient', () => {
  const tape = new Tape(host)
  const x = tape.leaf(host.constant(tensor([0, 0, 3, 4], [2, 2])))
  const y = tape.l2Normalize(x, 0.5)
  const [found] = tape.gradients([[y, host.constant(tensor([1, 2, 4, -3], [2, 2]))]], [x]).leaves
  expect([...found!.data].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([2, 4, 0.8, -0.6])
})

it('halves a gradient where two are largest', () => {
  const tape = new Tape(host)
  const [a, b] = [tape.leaf(host.scalar(2)), tape.leaf(host.scalar(2))]
  expect(tape.gradients([[tape.maximum(a, b), host.scalar(1)]], [a, b]).leaves.map((x) => x!.data[0])).toEqual([
    0.5, 0.5,
  ])
})

it('drops values, paths of a batch, and their gradients, by the factors that it is given', () => {
  const drawn: [number, readonly number[], number][] = []
  const tape = new Tape(host)
  tape.dropBy((index, dims, rate) => {
    drawn.push([index, dims, rate])
    return tensor(
      Float64Array.from({ length: sizeOf(dims) }, (_, i) => (i % 2) * 2),
      dims,
      'float64',
    )
  })
  const x = tape.leaf(values([2, 3], 1))
  const locked = tape.fixed(values([2, 3], 1))
  expect(tape.dropout(locked, 0.5)).toBe(locked)
  const y = tape.dropPath(tape.dropout(x, 0.1), 0.2)
  expect(drawn).toEqual([
    [2, [2, 3], 0.1],
    [3, [2, 1], 0.2],
  ])
  const ones = tensor(new Float64Array(6).fill(1), [2, 3], 'float64')
  expect([...tape.gradients([[y, ones]], [x]).leaves[0]!.data]).toEqual([0, 0, 0, 4, 0, 4])
  expect([...y.value.data].map((value) => value === 0)).toEqual([true, true, true, false, true, false])
})

it('drops of the first token what it drops where all tokens are there', () => {
  const factors = (dims: readonly number[], tokens: number, firstRow = 0): Float32Array =>
    dropoutFactors({ seed: 5, of: 'text', index: 2, firstRow }, dims, 0.3, tokens)
  const [rows, tokens, size] = [4, 3, 5]
  const all = factors([rows, tokens, size], 1)
  const firsts = [...all].filter((_, i) => i % (tokens * size) < size)
  expect([...factors([rows, 1, size], tokens)]).toEqual(firsts)
  expect([...factors([2, 1, size], tokens, 2)]).toEqual(firsts.slice(2 * size))
  const tape = new Tape(host)
  const drawn: unknown[] = []
  tape.dropBy((index, dims, _rate, of) => {
    drawn.push([index, dims, of])
    return values(dims, 1)
  })
  const x = tape.leaf(values([rows, tokens, size], 1))
  const first = tape.firstTokens(tape.dropout(x, 0.1), 1)
  tape.dropPath(tape.dropout(first, 0.1), 0.2)
  tape.dropout(tape.token(first, 0), 0.1)
  expect(drawn).toEqual([
    [1, [4, 3, 5], 1],
    [2, [4, 1, 5], 3],
    [3, [4, 1, 1], 1],
    [4, [4, 5], 1],
  ])
})
