import { BackendError } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'

/**
 * Gradients of the kernels that towers and losses are made of. Those of tfjs-core are in files that
 * Node cannot load, and its main module leaves them out.
 */
type Attrs = Readonly<Record<string, unknown>>
type Unary = (dy: tf.Tensor, saved: tf.Tensor, attrs: Attrs) => tf.Tensor
type Binary = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, attrs: Attrs) => [() => tf.Tensor, () => tf.Tensor]

const cubed = (x: tf.Tensor): tf.Tensor => tf.mul(tf.square(x), x)
const ones = (condition: tf.Tensor): tf.Tensor => tf.cast(condition, 'float32')
const numbers = (value: unknown, rank: number): number[] =>
  value == null ? Array.from({ length: rank }, (_, i) => i) : [value as number | number[]].flat()

/** The gradient of `x` from that of its sum over `axis`: every summand's is the sum's. */
const spread: Unary = (dy, x, { axis }) => tf.mul(kept(dy, x, axis), tf.ones(x.shape))

/** A reduction's result, or its gradient, with axes of size 1 where x was reduced. */
function kept(y: tf.Tensor, x: tf.Tensor, axis: unknown): tf.Tensor {
  const reduced = numbers(axis, x.rank).map((i) => (i + x.rank) % x.rank)
  return tf.reshape(
    y,
    x.shape.map((size, i) => (reduced.includes(i) ? 1 : size)),
  )
}

/** The largest has the gradient; where several are, each an equal share. */
const toLargest: Unary = (dy, x, { reductionIndices: axis }) => {
  const largest = ones(tf.equal(x, tf.max(x, numbers(axis, x.rank), true)))
  const count = tf.sum(largest, numbers(axis, x.rank), true)
  return tf.mul(kept(dy, x, axis), tf.div(largest, count))
}

/** Where a is as large as b, half. */
const isLarger = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
  tf.mul(tf.add(ones(tf.greater(a, b)), ones(tf.greaterEqual(a, b))), 0.5)

/** What broadcasting repeated is summed again. */
function unbroadcast(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const added = dy.rank - shape.length
  const axes = dy.shape.flatMap((size, i) => (i < added || (shape[i - added] === 1 && size !== 1) ? [i] : []))
  return tf.reshape(axes.length > 0 ? tf.sum(dy, axes) : dy, [...shape])
}

const padBack: Unary = (dy, x, { begin }) => {
  const starts = numbers(begin, x.rank)
  const pads = x.shape.map((size, i): [number, number] => {
    const start = starts[i] ?? 0
    return [start, size - start - (dy.shape[i] ?? 1)]
  })
  return tf.pad(dy, pads)
}

const untile: Unary = (dy, x, { reps }) => {
  const axes: number[] = []
  const split: number[] = []
  x.shape.forEach((size, i) => {
    const count = (reps as number[])[i] ?? 1
    if (count > 1) axes.push(split.push(count) - 1)
    split.push(size)
  })
  return axes.length > 0 ? tf.sum(tf.reshape(dy, split), axes) : dy
}

const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis))

/** From the kernel's input. */
const OF_INPUT: Readonly<Record<string, Unary>> = {
  ClipByValue: (dy, x, { clipValueMin, clipValueMax }) => {
    const inside = tf.logicalAnd(tf.greaterEqual(x, clipValueMin as number), tf.lessEqual(x, clipValueMax as number))
    return tf.mul(dy, ones(inside))
  },
  Erf: (dy, x) => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(x))), 2 / Math.sqrt(Math.PI))),
  LeakyRelu: (dy, x, { alpha }) => tf.mul(dy, tf.step(x, alpha as number)),
  Log: (dy, x) => tf.div(dy, x),
  Max: toLargest,
  Mean: (dy, x, attrs) => tf.div(spread(dy, x, attrs), x.size / dy.size),
  Relu: (dy, x) => tf.mul(dy, tf.step(x)),
  Relu6: (dy, x) => tf.mul(dy, tf.mul(tf.step(x), ones(tf.lessEqual(x, 6)))),
  Reshape: (dy, x) => tf.reshape(dy, x.shape),
  Slice: padBack,
  Softplus: (dy, x) => tf.mul(dy, tf.sigmoid(x)),
  Square: (dy, x) => tf.mul(dy, tf.mul(x, 2)),
  Sum: spread,
  Tile: untile,
  Transpose: (dy, _x, { perm }) => tf.transpose(dy, inverse(perm as number[])),
}

/** From the kernel's output. */
const OF_OUTPUT: Readonly<Record<string, Unary>> = {
  Exp: (dy, y) => tf.mul(dy, y),
  Identity: (dy) => dy,
  Neg: (dy) => tf.neg(dy),
  Rsqrt: (dy, y) => tf.mul(dy, tf.mul(cubed(y), -0.5)),
  Sigmoid: (dy, y) => tf.mul(dy, tf.mul(y, tf.sub(1, y))),
  Softmax: (dy, y) => {
    const weighted = tf.mul(dy, y)
    return tf.sub(weighted, tf.mul(tf.sum(weighted, -1, true), y))
  },
  Sqrt: (dy, y) => tf.div(dy, tf.mul(y, 2)),
  Tanh: (dy, y) => tf.mul(dy, tf.sub(1, tf.square(y))),
}

const matMul = (a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): tf.Tensor =>
  tf.matMul(a as tf.Tensor3D, b as tf.Tensor3D, transposeA, transposeB)

/** From both inputs, which may have been broadcast. */
const OF_BOTH: Readonly<Record<string, Binary>> = {
  Add: (dy) => [() => dy, () => dy],
  Sub: (dy) => [() => dy, () => tf.neg(dy)],
  Maximum: (dy, a, b) => [() => tf.mul(dy, isLarger(a, b)), () => tf.mul(dy, isLarger(b, a))],
  Multiply: (dy, a, b) => [() => tf.mul(dy, b), () => tf.mul(dy, a)],
  RealDiv: (dy, a, b) => [() => tf.div(dy, b), () => tf.neg(tf.div(tf.mul(dy, a), tf.square(b)))],
  BatchMatMul: (dy, a, b, attrs) => {
    const [ta, tb] = [attrs.transposeA === true, attrs.transposeB === true]
    return [
      () => (ta ? matMul(b, dy, tb, true) : matMul(dy, b, false, !tb)),
      () => (tb ? matMul(dy, a, true, ta) : matMul(a, dy, !ta, false)),
    ]
  },
}

/** Adds each row of `rows` `[n, ...]` to the row that `index` `[n]` says, of `count`. */
export function scatterAdd(rows: tf.Tensor, index: tf.Tensor1D, count: number): tf.Tensor {
  const backend = tf.getBackend()
  // The cpu backend's own kernel goes through all rows once for each row of the result.
  if (backend !== 'cpu' && tf.getKernel('UnsortedSegmentSum', backend)) return tf.unsortedSegmentSum(rows, index, count)
  const [values, indices] = [rows.dataSync(), index.dataSync()]
  const width = rows.size / index.size
  const sums = new Float32Array(count * width)
  indices.forEach((index, row) => {
    for (let i = 0; i < width; i++) sums[index * width + i]! += values[row * width + i]!
  })
  return tf.tensor(sums, [count, ...rows.shape.slice(1)])
}

const CONFIGS: readonly tf.GradConfig[] = [
  ...Object.entries(OF_INPUT).map(([kernelName, gradient]) => ({
    kernelName,
    inputsToSave: ['x'],
    gradFunc: (dy: tf.Tensor | tf.Tensor[], [x]: tf.Tensor[], attrs: Attrs) => ({
      x: () => gradient(dy as tf.Tensor, x as tf.Tensor, attrs),
    }),
  })),
  ...Object.entries(OF_OUTPUT).map(([kernelName, gradient]) => ({
    kernelName,
    outputsToSave: [true],
    gradFunc: (dy: tf.Tensor | tf.Tensor[], [y]: tf.Tensor[], attrs: Attrs) => ({
      // Softmax alone calls its input otherwise.
      [kernelName === 'Softmax' ? 'logits' : 'x']: () => gradient(dy as tf.Tensor, y as tf.Tensor, attrs),
    }),
  })),
  ...Object.entries(OF_BOTH).map(([kernelName, gradient]) => ({
    kernelName,
    inputsToSave: ['a', 'b'],
    gradFunc: (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[], attrs: Attrs) => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor]
      const [ofA, ofB] = gradient(dy as tf.Tensor, a, b, attrs)
      return { a: () => unbroadcast(ofA(), a.shape), b: () => unbroadcast(ofB(), b.shape) }
    },
  })),
  {
    kernelName: 'ExpandDims',
    inputsToSave: ['input'],
    gradFunc: (dy, [input]) => ({ input: () => tf.reshape(dy as tf.Tensor, (input as tf.Tensor).shape) }),
  },
  {
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy, parts, attrs) => {
      const axis = attrs.axis as number
      const sizes = parts.map(({ shape }) => shape[axis] as number)
      return Object.fromEntries(tf.split(dy as tf.Tensor, sizes, axis).map((part, i) => [i, () => part]))
    },
  },
  {
    kernelName: 'GatherV2',
    inputsToSave: ['x', 'indices'],
    gradFunc: (dy, saved, { axis, batchDims }) => {
      const [x, indices] = saved as [tf.Tensor, tf.Tensor]
      const at = axis as number
      if (batchDims !== 0 || (at !== 0 && indices.rank !== 1))
        throw new BackendError('no-gradient', 'gather has a gradient along its first axis, or by indices of one axis.')
      const [count, others] = [x.shape[at] as number, x.shape.filter((_, i) => i !== at)]
      const first = at === 0 ? (dy as tf.Tensor) : tf.transpose(dy as tf.Tensor, frontOf(at, x.rank))
      const rows = tf.reshape(first, [indices.size, others.reduce((size, dim) => size * dim, 1)])
      const flat: tf.Tensor1D = tf.cast(tf.reshape(indices, [indices.size]), 'int32')
      const sums = () => tf.reshape(scatterAdd(rows, flat, count), [count, ...others])
      return { x: () => (at === 0 ? sums() : tf.transpose(sums(), backOf(at, x.rank))) }
    },
  },
]

/** An order of axes that puts `axis` first, and the one that puts it back. */
const frontOf = (axis: number, rank: number): number[] =>
  [axis, ...Array(rank).keys()].filter((at, i) => i === 0 || at !== axis)
const backOf = (axis: number, rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => (i < axis ? i + 1 : i === axis ? 0 : i))

/** Registers what the program has not registered itself (`@tensorflow/tfjs` registers everything). */
export function registerGradients(): void {
  for (const config of CONFIGS) if (!tf.getGradient(config.kernelName)) tf.registerGradient(config)
}
