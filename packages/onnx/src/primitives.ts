import type { Tensor } from '@dual-encoder/core'
import type {
  Norm,
  Activation,
  ConvolutionOptions,
  Dim,
  Param,
  PoolOptions,
  Primitives,
  Projection,
} from '@dual-encoder/core/backend'
import { writeActivation } from './graph/activations'
import type { GraphBuilder } from './graph/builder'
import { axisOf, broadcast, restOf, rowCount } from './graph/dims'
import type { Kernels } from './graph/kernels'
import { writeOneHot, writeScatterAdd } from './graph/scatter'
import type { Int8Weights } from './int8/weights'
import type { TensorProto } from './graph/proto'

/**
 * A value of a graph under construction. Of rank 3 and more it has two names: `shaped`, and `flat` for the same
 * values as rows `[-1, last]`, the form that `Gemm` takes. Either is made from the other when first asked for.
 */
export interface OnnxValue {
  readonly dims: readonly Dim[]
  shaped?: string
  flat?: string
  /** Of a product of a value with itself: that. */
  readonly root?: OnnxValue
  /** Of what a norm gave: the norm, and the rows that it was given. */
  readonly norm?: { readonly norm: Norm; readonly of: string }
  /** Attention gave it. */
  readonly isAttended?: boolean
  /** What no value of it is below, where an activation says so. */
  readonly least?: number
}

export type MatMulOptions = { readonly transposeA?: boolean; readonly transposeB?: boolean }

/** Where the bytes of a weight are, for an initializer; or that the graph is given it. */
export type ParamData = (param: Param) => TensorProto['data'] | 'input'

/** Whether a flat value of these sizes can be shaped again: of those that have only a name, the first two are B and L. */
export function canBeFlat(dims: readonly Dim[]): boolean {
  const named = dims.flatMap((dim, axis) => (typeof dim === 'string' ? [axis] : []))
  return typeof dims.at(-1) === 'number' && (named.length < 2 || named.join() === '0,1')
}

/** An end that means all the rest. */
export const END = 2 ** 31

/** The size of an axis of which a run wants the first token, or all. */
export const FIRST_TOKENS = 'first_tokens'

/** Plain operators of an ONNX graph. */
export class OnnxPrimitives implements Primitives<OnnxValue> {
  /** `[B, L]` of each symbolic L, for reshapes: of the first input that has it, of the tokens that a run wants (`FIRST_TOKENS`). */
  protected readonly shapes = new Map<Dim, string>()
  /** Weights that the graph is given. */
  readonly #inputs = new Set<string>()

  constructor(
    public graph: GraphBuilder,
    protected readonly dataOf: ParamData,
    protected readonly kernels: Kernels,
    protected readonly int8?: Int8Weights,
  ) {}

  input(name: string, element: 'float32' | 'int64', dims: readonly Dim[]): OnnxValue {
    const shaped = this.graph.input(name, element, dims)
    const length = dims[1]
    if (dims.length === 2 && typeof length === 'string' && !this.shapes.has(length))
      this.shapes.set(length, this.graph.node('Shape', [shaped]))
    return { dims, shaped }
  }

  /** The name of a value in its own shape. */
  shaped(x: OnnxValue): string {
    return (x.shaped ??= this.graph.reshape(x.flat as string, this.#shapeOf(x.dims), x.dims))
  }

  protected flat(x: OnnxValue): string {
    if (x.dims.length < 3) return this.shaped(x)
    const width = x.dims.at(-1) as number
    return (x.flat ??= this.graph.reshape(x.shaped as string, this.graph.ints([-1, width]), [rowCount(x.dims), width]))
  }

  /** The shape of a flat value: one size that has only a name is what is left; `[B, L, ..., D]` has two. */
  #shapeOf(dims: readonly Dim[]): string {
    const named = dims.filter((dim) => typeof dim === 'string')
    if (named.length < 2) return this.graph.ints(dims.map((dim) => (typeof dim === 'string' ? -1 : dim)))
    // A size that is no input's is that of the tokens under another name.
    const [first] = this.shapes.values()
    const pair = this.shapes.get(dims[1] as Dim) ?? first
    const rest = dims.slice(2) as number[]
    const write = () => this.graph.node('Concat', [pair as string, this.graph.ints(rest)], { axis: 0 })
    return this.graph.once(`shape ${pair} ${rest.join()}`, write)
  }

  /** A value of `dims` whose flat form (its only form below rank 3) is `name`. */
  protected like(dims: readonly Dim[], name: string): OnnxValue {
    return dims.length < 3 ? { dims, shaped: name } : { dims, flat: name }
  }

  protected initializer(param: Param, element: 'float32' | 'int8' | 'uint8' = 'float32'): string {
    const [start, end] = param.rows ?? [0, param.shape[0] ?? 1]
    const dims = param.shape.length === 0 ? [] : [end - start, ...param.shape.slice(1)]
    const name = param.rows ? `${param.name}[${start}:${end}]` : param.name
    const data = this.dataOf(param)
    if (data === 'input') {
      const whole = this.#given(param)
      return param.rows ? this.graph.node('Slice', [whole, this.graph.ints([start]), this.graph.ints([end])]) : whole
    }
    return this.graph.initializer({ name, element, dims, data })
  }

  #given({ name, shape }: Param): string {
    if (!this.#inputs.has(name)) this.#inputs.add(this.graph.input(name, 'float32', shape))
    return name
  }

  dims(x: OnnxValue): readonly Dim[] {
    return x.dims
  }
  param(param: Param): OnnxValue {
    const [start, end] = param.rows ?? [0, param.shape[0] ?? 1]
    const dims = param.shape.length === 0 ? [] : [end - start, ...param.shape.slice(1)]
    return { dims, shaped: this.initializer(param) }
  }
  constant(value: Tensor): OnnxValue {
    return { dims: value.dims, shaped: this.graph.tensor(value) }
  }
  scalar(value: number): OnnxValue {
    return { dims: [], shaped: this.graph.float(value) }
  }

  add(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Add', a, b)
  }
  sub(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Sub', a, b)
  }
  mul(a: OnnxValue, b: OnnxValue): OnnxValue {
    const product = this.#elementwise('Mul', a, b)
    return a === b ? { ...product, root: a } : product
  }
  div(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Div', a, b)
  }
  maximum(a: OnnxValue, b: OnnxValue): OnnxValue {
    return this.#elementwise('Max', a, b)
  }
  greaterEqual(a: OnnxValue, b: OnnxValue): OnnxValue {
    const { dims, flat, shaped } = this.#elementwise('GreaterOrEqual', a, b)
    const y = this.graph.node('Cast', [(flat ?? shaped) as string], { to: 1 })
    return flat === undefined ? { dims, shaped: y } : { dims, flat: y }
  }
  #elementwise(op: string, a: OnnxValue, b: OnnxValue): OnnxValue {
    const rowwise = (b.dims.length === 1 && a.dims.length > 1) || a.dims.join() === b.dims.join()
    const aligned = rowwise && (b.dims.length > 1 || b.dims[0] === 1 || b.dims[0] === a.dims.at(-1))
    if (aligned && canBeFlat(a.dims)) return this.like(a.dims, this.graph.node(op, [this.flat(a), this.flat(b)]))
    return { dims: broadcast(a.dims, b.dims), shaped: this.graph.node(op, [this.shaped(a), this.shaped(b)]) }
  }

  float(x: OnnxValue): OnnxValue {
    return { dims: x.dims, shaped: this.graph.node('Cast', [this.shaped(x)], { to: 1 }) }
  }
  exp(x: OnnxValue): OnnxValue {
    return this.#each('Exp', x)
  }
  log(x: OnnxValue): OnnxValue {
    return this.#each('Log', x)
  }
  sqrt(x: OnnxValue): OnnxValue {
    return this.#each('Sqrt', x)
  }
  erf(x: OnnxValue): OnnxValue {
    return this.#each('Erf', x)
  }
  cos(x: OnnxValue): OnnxValue {
    return this.#each('Cos', x)
  }
  sin(x: OnnxValue): OnnxValue {
    return this.#each('Sin', x)
  }
  activation(x: OnnxValue, name: Activation): OnnxValue {
    return this.like(x.dims, writeActivation(this.graph, this.flat(x), name, this.kernels))
  }
  #each(op: string, x: OnnxValue): OnnxValue {
    const isFlat = x.shaped === undefined
    const y = this.graph.node(op, [isFlat ? this.flat(x) : this.shaped(x)])
    return isFlat ? this.like(x.dims, y) : { dims: x.dims, shaped: y }
  }

  matMul(a: OnnxValue, b: OnnxValue, { transposeA = false, transposeB = false }: MatMulOptions = {}): OnnxValue {
    if (b.dims.length === 2 && (a.dims.length === 2 || !transposeA)) {
      const attributes = { ...(transposeA ? { transA: 1 } : {}), ...(transposeB ? { transB: 1 } : {}) }
      const dims = [...(transposeA ? [a.dims[1] as Dim] : a.dims.slice(0, -1)), b.dims[transposeB ? 0 : 1] as Dim]
      return this.like(dims, this.graph.node('Gemm', [this.flat(a), this.shaped(b)], attributes))
    }
    const swapped = (x: OnnxValue): OnnxValue =>
      this.transpose(x, [...x.dims.slice(0, -2).keys(), x.dims.length - 1, x.dims.length - 2])
    const [left, right] = [transposeA ? swapped(a) : a, transposeB ? swapped(b) : b]
    return {
      dims: [...left.dims.slice(0, -1), right.dims.at(-1) as Dim],
      shaped: this.graph.node('MatMul', [this.shaped(left), this.shaped(right)]),
    }
  }
  softmax(x: OnnxValue): OnnxValue {
    return { dims: x.dims, shaped: this.graph.node('Softmax', [this.shaped(x)], { axis: -1 }) }
  }

  sum(x: OnnxValue, axes: readonly number[], keepDims = false): OnnxValue {
    const attributes = { keepdims: keepDims ? 1 : 0 }
    // In one pass, where nobody else reads the squares.
    if (x.root && axes.length > 0) return this.#reduce('ReduceSumSquare', x.root, axes, keepDims)
    const shaped = this.graph.node('ReduceSum', [this.shaped(x), this.graph.ints(axes)], attributes)
    return { dims: this.#reduced(x, axes, keepDims), shaped }
  }
  mean(x: OnnxValue, axes: readonly number[], keepDims = false): OnnxValue {
    return this.#reduce('ReduceMean', x, axes, keepDims)
  }
  max(x: OnnxValue, axes: readonly number[], keepDims = false): OnnxValue {
    return this.#reduce('ReduceMax', x, axes, keepDims)
  }
  #reduce(op: string, x: OnnxValue, axes: readonly number[], keepDims: boolean): OnnxValue {
    const shaped = this.graph.node(op, [this.shaped(x)], { axes, keepdims: keepDims ? 1 : 0 })
    return { dims: this.#reduced(x, axes, keepDims), shaped }
  }
  #reduced({ dims }: OnnxValue, axes: readonly number[], keepDims: boolean): Dim[] {
    const reduced = new Set(axes.map((axis) => axisOf(axis, dims.length)))
    return dims.flatMap((dim, axis) => (!reduced.has(axis) ? [dim] : keepDims ? [1] : []))
  }

  transpose(x: OnnxValue, axes: readonly number[]): OnnxValue {
    const shaped = this.graph.node('Transpose', [this.shaped(x)], { perm: axes })
    return { dims: axes.map((axis) => x.dims[axis] as Dim), shaped }
  }
  reshape(x: OnnxValue, dims: readonly number[]): OnnxValue {
    const kept = dims.map((dim, axis) => (dim === 0 ? (x.dims[axis] as Dim) : dim))
    const rest = () =>
      restOf(
        x.dims,
        kept.filter((dim) => dim !== -1),
      )
    const shape = kept.map((dim) => (dim === -1 ? rest() : dim))
    if (shape.at(-1) === x.dims.at(-1)) {
      if (shape.length === 2 && x.dims.length > 2) return { dims: shape, shaped: this.flat(x) }
      if (shape.length > 2 && x.dims.length === 2 && shape.every((dim) => typeof dim === 'number'))
        return { dims: shape, flat: this.shaped(x) }
    }
    return { dims: shape, shaped: this.graph.node('Reshape', [this.shaped(x), this.graph.ints(dims)]) }
  }
  slice(x: OnnxValue, axis: number, start: number, end?: number): OnnxValue {
    const at = axisOf(axis, x.dims.length)
    const size = x.dims[at] as Dim
    const whole = start === 0 && end === undefined
    if (whole) return x
    const last = end === undefined ? size : end < 0 && typeof size === 'number' ? size + end : end
    const count = typeof last === 'number' && last >= 0 ? last - start : `${size}[${start}:${end ?? ''}]`
    const bounds = [[start], [end ?? END], [at]].map((values) => this.graph.ints(values))
    return {
      dims: x.dims.map((dim, i) => (i === at ? count : dim)),
      shaped: this.graph.node('Slice', [this.shaped(x), ...bounds]),
    }
  }
  concat(parts: readonly OnnxValue[], axis: number): OnnxValue {
    const [first] = parts as [OnnxValue]
    const at = axisOf(axis, first.dims.length)
    // Of several names for one size the shortest: others are of what was cut and padded again.
    const shared = (i: number) =>
      parts.map(({ dims }) => dims[i] as Dim).reduce((a, b) => (String(b).length < String(a).length ? b : a))
    const sizes = parts.map(({ dims }) => dims[at] as Dim)
    const total = sizes.every((size) => typeof size === 'number')
      ? sizes.reduce((sum, size) => sum + size, 0)
      : sizes.join('+')
    const names = parts.map((part) => this.shaped(part))
    return {
      dims: first.dims.map((_, i) => (i === at ? total : shared(i))),
      shaped: this.graph.node('Concat', names, { axis: at }),
    }
  }
  pad(x: OnnxValue, axis: number, before: number, after: number): OnnxValue {
    const at = axisOf(axis, x.dims.length)
    const amounts = x.dims.flatMap((_, i) => (i === at ? [before] : [0]))
    const ends = x.dims.flatMap((_, i) => (i === at ? [after] : [0]))
    const size = x.dims[at] as Dim
    const padded = typeof size === 'number' ? size + before + after : `${size}+${before + after}`
    return {
      dims: x.dims.map((dim, i) => (i === at ? padded : dim)),
      shaped: this.graph.node('Pad', [this.shaped(x), this.graph.ints([...amounts, ...ends])]),
    }
  }
  expandToBatch(x: OnnxValue, like: OnnxValue): OnnxValue {
    const batch = this.graph.node('Shape', [this.shaped(like)], { start: 0, end: 1 })
    const rest = x.dims.every((dim) => typeof dim === 'number')
      ? this.graph.ints(x.dims.slice(1) as number[])
      : this.graph.node('Shape', [this.shaped(x)], { start: 1 })
    const shape = this.graph.node('Concat', [batch, rest], { axis: 0 })
    return {
      dims: [like.dims[0] as Dim, ...x.dims.slice(1)],
      shaped: this.graph.node('Expand', [this.shaped(x), shape]),
    }
  }
  expand(x: OnnxValue, dims: readonly number[]): OnnxValue {
    return { dims, shaped: this.graph.node('Expand', [this.shaped(x), this.graph.ints(dims)]) }
  }

  gather(x: OnnxValue, index: OnnxValue, axis = 0): OnnxValue {
    const at = axisOf(axis, x.dims.length)
    const shaped = this.graph.node('Gather', [this.shaped(x), this.shaped(index)], { axis: at })
    return { dims: [...x.dims.slice(0, at), ...index.dims, ...x.dims.slice(at + 1)], shaped }
  }
  scatterAdd(rows: OnnxValue, index: OnnxValue, count: number): OnnxValue {
    const { graph } = this
    const width = rows.dims.at(-1) as number
    const flat = graph.node('Reshape', [this.shaped(rows), graph.ints([-1, width])])
    const at = graph.node('Reshape', [this.shaped(index), graph.ints([-1])])
    const length = index.dims.reduce<number>((product, dim) => product * Number(dim), 1)
    return { dims: [count, width], shaped: writeScatterAdd(graph, flat, at, { length, count, width }) }
  }
  oneHot(index: OnnxValue, like: OnnxValue): OnnxValue {
    const length = this.graph.node('Shape', [this.shaped(like)], { start: 1, end: 2 })
    const dims = [index.dims[0] as Dim, like.dims[1] as Dim]
    return { dims, shaped: writeOneHot(this.graph, this.shaped(index), length, -1) }
  }

  conv2d(x: OnnxValue, { weight, bias }: Projection, options: ConvolutionOptions = {}): OnnxValue {
    const { strides = [1, 1], padding = [0, 0, 0, 0], groups = 1 } = options
    const size = weight.shape.slice(2) as [number, number]
    const inputs = [this.shaped(x), this.initializer(weight), ...(bias ? [this.initializer(bias)] : [])]
    const attributes = { kernel_shape: size, strides, pads: padding, group: groups }
    const dims = windowed(x.dims, weight.shape[0] ?? 1, { size, strides, padding })
    return { dims, shaped: this.graph.node('Conv', inputs, attributes) }
  }
  maxPool2d(x: OnnxValue, { size, strides, padding = [0, 0, 0, 0] }: PoolOptions): OnnxValue {
    const attributes = { kernel_shape: size, strides, pads: padding }
    const dims = windowed(x.dims, x.dims[1] as Dim, { size, strides, padding })
    return { dims, shaped: this.graph.node('MaxPool', [this.shaped(x)], attributes) }
  }
}

/** `[B, channels, H', W']` of windows over `[B, C, H, W]`. */
function windowed(dims: readonly Dim[], channels: Dim, { size, strides, padding }: Required<PoolOptions>): Dim[] {
  const count = (axis: 0 | 1) => {
    const padded = (dims[2 + axis] as number) + padding[axis] + padding[axis + 2]!
    return Math.floor((padded - size[axis]) / strides[axis]) + 1
  }
  return [dims[0] as Dim, channels, count(0), count(1)]
}
