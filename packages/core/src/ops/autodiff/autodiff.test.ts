import { describe, expect, it } from 'vitest'
import { sizeOf, type Tensor, tensor } from '../../base/tensor'
import { ACTIVATIONS } from '../host/activations'
import { HostOps, type HostValue } from '../host/host-ops'
import type { Activation } from '../activations'
import { dropoutFactors } from '../dropout'
import { logitsOf, lossOfEmbeds, LOSSES } from '../losses/losses'
import { lossOpsOf } from '../losses/of-ops'
import type { Ops, Param } from '../ops'
import type { Traced } from './record'
import { Tape } from './tape'

/** Values between -1 and 1 that follow no rule. */
function values(dims: readonly number[], seed: number): Tensor<'float64'> {
  const wave = (i: number): number => Math.sin((i + 1) * 12.9898 * (seed + 1) + seed) * 43758.5453
  const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => 2 * (wave(i) - Math.floor(wave(i))) - 1)
  return tensor(data, dims, 'float64')
}
const ids = (data: readonly number[], dims: readonly number[]): Tensor => tensor(Int32Array.from(data), dims)
const param = (name: string, shape: readonly number[], rows?: readonly [number, number]): Param => ({
  name,
  shape,
  init: { kind: 'zeros' },
  ...(rows ? { rows } : {}),
})

interface Case {
  /** Sizes of the variables. */
  readonly of: readonly (readonly number[])[]
  readonly params?: readonly Param[]
  readonly f: <T>(ops: Ops<T>, xs: T[]) => T
}

/**
 * Holds the gradient of every variable and parameter to central differences of the plain computation, which also is
 * what the tape's forward pass is held to. Weights of the sum: so that no gradient is the same everywhere.
 */
function check({ of, params = [], f }: Case): void {
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

const positive = <T>(ops: Ops<T>, x: T): T => ops.add(ops.mul(x, x), ops.scalar(0.5))

/** Embeddings of texts and pictures, and the log of the scale. */
const embedded = [[3, 4], [3, 4], []]

const cases: Readonly<Record<string, Case>> = {
  'add, broadcast': {
    of: [
      [2, 3, 4],
      [3, 1],
    ],
    f: (ops, [a, b]) => ops.add(a!, b!),
  },
  sub: { of: [[3], [2, 3]], f: (ops, [a, b]) => ops.sub(a!, b!) },
  'mul, with itself': {
    of: [
      [2, 3],
      [2, 1],
    ],
    f: (ops, [a, b]) => ops.mul(ops.mul(a!, a!), b!),
  },
  'div, by a scalar': { of: [[2, 3], []], f: (ops, [a, b]) => ops.div(a!, positive(ops, b!)) },
  'div, broadcast': { of: [[3], [2, 3]], f: (ops, [a, b]) => ops.div(a!, positive(ops, b!)) },
  maximum: { of: [[4, 5], [5]], f: (ops, [a, b]) => ops.maximum(a!, b!) },
  'exp, log, sqrt, erf': {
    of: [[2, 3]],
    f: (ops, [x]) => ops.erf(ops.sqrt(positive(ops, ops.log(positive(ops, ops.exp(x!)))))),
  },
  'cos, sin': { of: [[2, 3]], f: (ops, [x]) => ops.mul(ops.cos(x!), ops.sin(ops.mul(x!, x!))) },
  'matMul, batched': {
    of: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!),
  },
  'matMul, one matrix for all': {
    of: [
      [2, 3, 4],
      [4, 5],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!),
  },
  'matMul, one matrix, transposed': {
    of: [
      [2, 3, 4],
      [5, 4],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!, { transposeB: true }),
  },
  'matMul, aᵀ': {
    of: [
      [2, 4, 3],
      [2, 4, 5],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!, { transposeA: true }),
  },
  'matMul, bᵀ': {
    of: [
      [2, 3, 4],
      [2, 5, 4],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!, { transposeB: true }),
  },
  'matMul, aᵀ bᵀ': {
    of: [
      [4, 3],
      [5, 4],
    ],
    f: (ops, [a, b]) => ops.matMul(a!, b!, { transposeA: true, transposeB: true }),
  },
  softmax: { of: [[2, 3, 4]], f: (ops, [x]) => ops.softmax(x!) },
  'sum, mean, max': {
    of: [[2, 3, 4]],
    f: (ops, [x]) => ops.add(ops.max(x!, [-1], true), ops.add(ops.sum(x!, [0, 2], true), ops.mean(x!, [1], true))),
  },
  'sum of all': { of: [[2, 3]], f: (ops, [x]) => ops.sum(ops.mul(x!, x!), [0, 1]) },
  'transpose and reshape': {
    of: [[2, 3, 4]],
    f: (ops, [x]) => ops.reshape(ops.transpose(x!, [2, 0, 1]), [0, -1]),
  },
  'slices from both ends': {
    of: [[2, 5, 3]],
    f: (ops, [x]) => ops.concat([ops.slice(x!, 1, 1, -1), ops.slice(x!, 1, -2), ops.slice(x!, 1, 0)], 1),
  },
  'concat and pad': {
    of: [
      [2, 3],
      [2, 2],
    ],
    f: (ops, [a, b]) => ops.pad(ops.concat([a!, b!, a!], -1), 0, 1, 2),
  },
  'expand and expandToBatch': {
    of: [
      [1, 3],
      [2, 1],
    ],
    f: (ops, [a, b]) => ops.mul(ops.expandToBatch(a!, b!), ops.expand(b!, [2, 3])),
  },
  'gather, ids that repeat': {
    of: [[4, 3]],
    f: (ops, [x]) => ops.gather(x!, ops.constant(ids([1, 3, 1, 1, 0, 3], [2, 3]))),
  },
  'gather along the middle': {
    of: [[2, 4, 3]],
    f: (ops, [x]) => ops.gather(x!, ops.constant(ids([1, 3, 1, 1, 0, 3], [3, 2])), 1),
  },
  scatterAdd: {
    of: [[2, 3, 2]],
    f: (ops, [x]) => ops.scatterAdd(x!, ops.constant(ids([1, 0, 1, 1, 3, 3], [2, 3])), 4),
  },
  'tokens: first, one for each row, mean, largest': {
    of: [[2, 4, 3]],
    f: (ops, [x]) => {
      const mask = ops.constant(ids([1, 1, 0, 0, 1, 1, 1, 0], [2, 4]))
      const last = ops.tokenAt(x!, ops.constant(ids([1, 2], [2])))
      const pooled = ops.add(ops.meanTokens(x!, mask), ops.maxTokens(x!, mask))
      return ops.concat([ops.token(x!, 0), ops.token(x!, -1), last, pooled, ops.meanTokens(x!), ops.maxTokens(x!)], 1)
    },
  },
  l2Normalize: { of: [[2, 3]], f: (ops, [x]) => ops.add(ops.l2Normalize(x!), ops.l2Normalize(x!, 10)) },
  linear: {
    of: [[2, 3, 4]],
    params: [param('w', [5, 4]), param('b', [5]), param('s', [5])],
    f: (ops, [x]) =>
      ops.linear(x!, { weight: param('w', [5, 4]), bias: param('b', [5]), scale: param('s', [5]) }, 'gelu'),
  },
  'linear of packed rows': {
    of: [[2, 4]],
    params: [param('w', [6, 4])],
    f: (ops, [x]) => {
      const part = (start: number) => ({ weight: param('w', [6, 4], [start, start + 3]) })
      const [q, k] = ops.linears(x!, [part(0), part(3)])
      return ops.mul(q!, k!)
    },
  },
  'layerNorm after a sum': {
    of: [
      [2, 3, 4],
      [2, 3, 4],
    ],
    params: [param('w', [4]), param('b', [4])],
    f: (ops, [x, y]) => {
      const { sum, normed } = ops.addLayerNorm(x!, y!, { weight: param('w', [4]), bias: param('b', [4]), eps: 0.1 })
      return ops.add(sum, normed)
    },
  },
  'embedding that is used again as the last layer': {
    of: [[2, 4]],
    params: [param('w', [5, 4])],
    f: (ops, [x]) => {
      const rows = ops.embedding(ops.constant(ids([4, 0, 0, 4], [4])), param('w', [5, 4]))
      return ops.matMul(
        ops.linear(ops.mul(x!, x!), { weight: param('w', [5, 4]) }),
        ops.concat([rows, ops.slice(rows, 0, 1, 2)], 0),
      )
    },
  },
  'patchEmbed, with a rest at the right and the bottom': {
    of: [[2, 2, 5, 7]],
    params: [param('w', [3, 2, 2, 3]), param('b', [3])],
    f: (ops, [x]) => ops.patchEmbed(x!, { weight: param('w', [3, 2, 2, 3]), bias: param('b', [3]) }),
  },
  attention: {
    of: [
      [2, 3, 4],
      [2, 5, 4],
      [2, 5, 4],
      [2, 3, 5],
    ],
    f: (ops, [q, k, v, bias]) => {
      const keyMask = ops.constant(ids([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], [2, 5]))
      const { context, probs } = ops.attention(q!, k!, v!, { heads: 2, keyMask, bias, probs: true, scale: 0.7 })
      return ops.concat([context, ops.reshape(ops.transpose(probs!, [0, 2, 1, 3]), [2, 3, 10])], 2)
    },
  },
  'attention to what came before': {
    of: [[1, 4, 2]],
    f: (ops, [x]) => ops.attention(x!, x!, x!, { heads: 1, causal: true }).context,
  },
  'conv2d: groups, strides, padding': {
    of: [[2, 4, 5, 6]],
    params: [param('w', [6, 2, 3, 2]), param('b', [6])],
    f: (ops, [x]) =>
      ops.conv2d(
        x!,
        { weight: param('w', [6, 2, 3, 2]), bias: param('b', [6]) },
        { groups: 2, strides: [2, 1], padding: [1, 0, 1, 1] },
      ),
  },
  'conv2d, depthwise': {
    of: [[1, 3, 4, 4]],
    params: [param('w', [3, 1, 3, 3])],
    f: (ops, [x]) => ops.conv2d(x!, { weight: param('w', [3, 1, 3, 3]) }, { groups: 3, padding: [1, 1, 1, 1] }),
  },
  "CLIP's loss": {
    of: embedded,
    f: (ops, [texts, images, scale]) => lossOfEmbeds(lossOpsOf(ops), 'clip', { text: texts!, image: images! }, scale!),
  },
  "SigLIP's loss": {
    of: embedded,
    f: (ops, [texts, images, scale]) =>
      LOSSES.siglip(lossOpsOf(ops), logitsOf(lossOpsOf(ops), texts!, images!, scale!)),
  },
  maxPool2d: {
    of: [[1, 2, 5, 5]],
    f: (ops, [x]) => ops.maxPool2d(x!, { size: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] }),
  },
}

describe('gradients are those of central differences', () => {
  it.each(Object.keys(cases))('%s', (name) => check(cases[name]!))

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
  tape.dropBy((place, dims, rate) => {
    drawn.push([place, dims, rate])
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
    dropoutFactors({ seed: 5, of: 'text', place: 2, firstRow }, dims, 0.3, tokens)
  const [rows, tokens, size] = [4, 3, 5]
  const all = factors([rows, tokens, size], 1)
  const firsts = [...all].filter((_, i) => i % (tokens * size) < size)
  expect([...factors([rows, 1, size], tokens)]).toEqual(firsts)
  expect([...factors([2, 1, size], tokens, 2)]).toEqual(firsts.slice(2 * size))
  const tape = new Tape(host)
  const drawn: unknown[] = []
  tape.dropBy((place, dims, rate, of) => {
    drawn.push([place, dims, of])
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
