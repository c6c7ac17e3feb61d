import { sizeOf, type Tensor, tensor } from '../../base/tensor'
import { diagonal, lossOf } from '../losses/training'
import type { Ops, Param } from '../ops'

/*
 * Uses of every op, at odd sizes: gradients on the host are held to central differences, every backend to the host.
 */

/** Values between -1 and 1 that follow no rule. */
export function values(dims: readonly number[], seed: number): Tensor<'float64'> {
  const wave = (i: number): number => Math.sin((i + 1) * 12.9898 * (seed + 1) + seed) * 43758.5453
  const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => 2 * (wave(i) - Math.floor(wave(i))) - 1)
  return tensor(data, dims, 'float64')
}
const ids = (data: readonly number[], dims: readonly number[]): Tensor => tensor(Int32Array.from(data), dims)
export const param = (name: string, shape: readonly number[], rows?: readonly [number, number]): Param => ({
  name,
  shape,
  init: { kind: 'zeros' },
  ...(rows ? { rows } : {}),
})

export interface OpCase {
  /** Sizes of the variables. */
  readonly of: readonly (readonly number[])[]
  readonly params?: readonly Param[]
  readonly f: <T>(ops: Ops<T>, xs: T[]) => T
}

const positive = <T>(ops: Ops<T>, x: T): T => ops.add(ops.mul(x, x), ops.scalar(0.5))

/** Embeddings of texts and pictures, and the log of the scale. */
const embedded = [[3, 4], [3, 4], []]
const lossOfPairs =
  (name: 'clip' | 'siglip') =>
  <T>(ops: Ops<T>, [textEmbeds, imageEmbeds, logitScale]: T[]): T => {
    const positives = ops.constant(diagonal(3))
    return lossOf(name)(ops, {
      textEmbeds: textEmbeds!,
      imageEmbeds: imageEmbeds!,
      logitScale: logitScale!,
      positives,
    })
  }

export const OP_CASES: Readonly<Record<string, OpCase>> = {
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
  'sum of columns': { of: [[5, 3]], f: (ops, [x]) => ops.sum(ops.add(x!, x!), [0]) },
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
  'max along the middle': { of: [[2, 4, 3]], f: (ops, [x]) => ops.max(x!, [1]) },
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
  'layerNorm for linear layers, of which one is packed, and for another use': {
    of: [[2, 12, 3]],
    params: [param('gain', [3]), param('shift', [3]), param('w', [6, 3]), param('b', [6]), param('out', [3, 3])],
    f: (ops, [x]) => {
      const norm = { weight: param('gain', [3]), bias: param('shift', [3]), eps: 0.1, isForLinears: true }
      const normed = ops.layerNorm(x!, norm)
      const part = (start: number) => {
        const rows = [start, start + 3] as const
        return { weight: param('w', [6, 3], rows), bias: param('b', [6], rows) }
      }
      const [q, k] = ops.linears(normed, [part(0), part(3)])
      const again = ops.linear(ops.layerNorm(q!, norm), { weight: param('out', [3, 3]) }, 'tanh')
      return ops.add(ops.mul(again, k!), normed)
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
  "CLIP's loss": { of: embedded, f: lossOfPairs('clip') },
  "SigLIP's loss": { of: embedded, f: lossOfPairs('siglip') },
  maxPool2d: {
    of: [[1, 2, 5, 5]],
    f: (ops, [x]) => ops.maxPool2d(x!, { size: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] }),
  },
}
