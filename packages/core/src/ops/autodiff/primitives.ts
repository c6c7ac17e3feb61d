import { atOnce, type Pieces } from '../../base/pieces'
import type { Tensor } from '../../base/tensor'
import type { Activation } from '../activations'
import { ComposedOps } from '../composed'
import type { Ops, Param, Primitives } from '../ops'
import { GATES, SLOPES } from './activations'
import { LayerMemory } from './recompute'
import { type Edge, type Node, Record, type Traced } from './record'

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export interface Gradients<T> {
  readonly params: Map<string, T>
  readonly leaves: (T | undefined)[]
}

/** Primitives that compute on other ops and note how: one rule for each, written in ops. Sizes are numbers. */
export abstract class TracedPrimitives<T> extends ComposedOps<Traced<T>> {
  readonly #record = new Record<T>()
  readonly #params = new Map<string, { readonly param: Param; readonly traced: Traced<T> & { node: Node<T> } }>()

  protected readonly ops: Ops<T>
  protected readonly memory?: LayerMemory<T>

  /**
   * @param wanted whether the gradient of a parameter is wanted. What is not is a constant.
   * @param recompute 'layers': what a layer computes is computed again for its gradients, and not kept until then
   */
  constructor(
    ops: Ops<T>,
    private readonly wanted: (name: string) => boolean = () => true,
    options: { readonly recompute?: 'layers' } = {},
  ) {
    super()
    if (options.recompute === 'layers') this.memory = new LayerMemory(ops)
    this.ops = this.memory?.ops ?? ops
  }

  /** A value whose gradient `gradients` gives by this object. */
  leaf(value: T): Traced<T> {
    return this.#record.leaf(value)
  }
  /** A value that is no variable. */
  fixed(value: T): Traced<T> {
    return { value }
  }

  /**
   * Gradients of a sum of values, each times what is given with it: of parameters by name, and of leaves. Parameters
   * that the values do not depend on are left out.
   */
  gradients(
    ends: readonly (readonly [value: Traced<T>, gradient: T])[],
    leaves: readonly Traced<T>[] = [],
  ): Gradients<T> {
    return atOnce(this.gradientPieces(ends, leaves))
  }
  *gradientPieces(
    ends: readonly (readonly [value: Traced<T>, gradient: T])[],
    leaves: readonly Traced<T>[] = [],
  ): Pieces<Gradients<T>> {
    const found = yield* this.#record.backward(this.ops, ends, (layer, gradient) => this.memory?.enter(layer, gradient))
    const params = [...this.#params].flatMap(([name, { traced }]): [string, T][] => {
      const gradient = found.get(traced.node)
      return gradient === undefined ? [] : [[name, gradient]]
    })
    return { params: new Map(params), leaves: leaves.map(({ node }) => node && found.get(node)) }
  }

  protected override sizes({ value }: Traced<T>): readonly number[] {
    return this.ops.dims(value) as readonly number[]
  }
  /** The gradient of what was broadcast to become `gradient`'s sizes. */
  #reduced(gradient: T, { value }: Traced<T>): T {
    const [from, to] = [this.ops.dims(gradient) as readonly number[], this.ops.dims(value) as readonly number[]]
    if (from.join() === to.join()) return gradient
    const offset = from.length - to.length
    const axes = [...from.keys()].filter((axis) => axis < offset || (to[axis - offset] === 1 && from[axis] !== 1))
    const sum = axes.length > 0 ? this.ops.sum(gradient, axes, true) : gradient
    return offset > 0 ? this.ops.reshape(sum, to) : sum
  }
  protected note(value: T, ...edges: readonly Edge<T>[]): Traced<T> {
    const { memory } = this
    const traced = this.#record.add(value, edges, memory?.layer)
    if (traced.node) memory?.trace(value)
    return traced
  }
  protected rows(x: T): T {
    const dims = this.ops.dims(x)
    return dims.length === 2 ? x : this.ops.reshape(x, [-1, dims.at(-1) as number])
  }

  dims(x: Traced<T>) {
    return this.ops.dims(x.value)
  }
  param(param: Param): Traced<T> {
    const { name, rows, shape } = param
    if (!this.wanted(name)) return { value: this.ops.param(param) }
    let known = this.#params.get(name)
    if (!known) {
      const whole: Param = { ...param, rows: undefined }
      known = { param: whole, traced: this.#record.leaf(this.ops.param(whole)) }
      this.#params.set(name, known)
    }
    if (!rows) return known.traced
    const after = (shape[0] as number) - rows[1]
    return this.note(this.ops.param(param), [known.traced, (g) => this.ops.pad(g, 0, rows[0], after)])
  }
  constant(value: Tensor): Traced<T> {
    return { value: this.ops.constant(value) }
  }
  scalar(value: number): Traced<T> {
    return { value: this.ops.scalar(value) }
  }

  add(a: Traced<T>, b: Traced<T>): Traced<T> {
    const value = this.ops.add(a.value, b.value)
    return this.note(value, [a, (g) => this.#reduced(g, a)], [b, (g) => this.#reduced(g, b)])
  }
  sub(a: Traced<T>, b: Traced<T>): Traced<T> {
    const value = this.ops.sub(a.value, b.value)
    return this.note(value, [a, (g) => this.#reduced(g, a)], [b, (g) => this.#negative(this.#reduced(g, b))])
  }
  #negative(x: T): T {
    return this.ops.mul(x, this.ops.scalar(-1))
  }
  mul(a: Traced<T>, b: Traced<T>): Traced<T> {
    const { ops } = this
    const edge = (x: Traced<T>, other: Traced<T>): Edge<T> => [x, (g) => this.#reduced(ops.mul(g, other.value), x)]
    return this.note(ops.mul(a.value, b.value), edge(a, b), edge(b, a))
  }
  div(a: Traced<T>, b: Traced<T>): Traced<T> {
    const { ops } = this
    const value = ops.div(a.value, b.value)
    return this.note(
      value,
      [a, (g) => this.#reduced(ops.div(g, b.value), a)],
      [b, (g) => this.#negative(this.#reduced(ops.div(ops.mul(g, value), b.value), b))],
    )
  }
  maximum(a: Traced<T>, b: Traced<T>): Traced<T> {
    const { ops } = this
    // Where both are as large, half goes to each.
    const share = (x: Traced<T>, other: Traced<T>): T => {
      const [over, under] = [ops.greaterEqual(x.value, other.value), ops.greaterEqual(other.value, x.value)]
      return ops.mul(ops.add(ops.sub(over, under), ops.scalar(1)), ops.scalar(0.5))
    }
    const edge = (x: Traced<T>, other: Traced<T>): Edge<T> => [x, (g) => this.#reduced(ops.mul(g, share(x, other)), x)]
    return this.note(ops.maximum(a.value, b.value), edge(a, b), edge(b, a))
  }
  greaterEqual(a: Traced<T>, b: Traced<T>): Traced<T> {
    return { value: this.ops.greaterEqual(a.value, b.value) }
  }
  float(x: Traced<T>): Traced<T> {
    return x.node ? x : { value: this.ops.float(x.value) }
  }
  exp(x: Traced<T>): Traced<T> {
    const value = this.ops.exp(x.value)
    return this.note(value, [x, (g) => this.ops.mul(g, value)])
  }
  log(x: Traced<T>): Traced<T> {
    return this.note(this.ops.log(x.value), [x, (g) => this.ops.div(g, x.value)])
  }
  sqrt(x: Traced<T>): Traced<T> {
    const value = this.ops.sqrt(x.value)
    return this.note(value, [x, (g) => this.ops.div(this.ops.mul(g, this.ops.scalar(0.5)), value)])
  }
  cos(x: Traced<T>): Traced<T> {
    return this.note(this.ops.cos(x.value), [x, (g) => this.#negative(this.ops.mul(g, this.ops.sin(x.value)))])
  }
  sin(x: Traced<T>): Traced<T> {
    return this.note(this.ops.sin(x.value), [x, (g) => this.ops.mul(g, this.ops.cos(x.value))])
  }
  erf(x: Traced<T>): Traced<T> {
    const { ops } = this
    const slope = (): T =>
      ops.mul(ops.exp(this.#negative(ops.mul(x.value, x.value))), ops.scalar(2 / Math.sqrt(Math.PI)))
    return this.note(ops.erf(x.value), [x, (g) => ops.mul(g, slope())])
  }
  activation(x: Traced<T>, name: Activation): Traced<T> {
    if (name === 'linear') return x
    const { ops } = this
    // Rows that are in the processor's cache give both at once; where they are not, an engine's own op is quicker.
    const gate = x.node && GATES[name]
    const made =
      gate &&
      ops.byRows?.([x.value], (on, [of]) => {
        const { share, slope } = gate(on, of as T)
        return [on.mul(of as T, share), slope]
      })
    if (made) {
      const [value, slope] = made as [T, T]
      return this.note(value, [x, (g) => ops.mul(g, slope)])
    }
    const pull = (g: T): T => {
      const byRows = (on: Primitives<T>, [a, b]: readonly T[]): T[] => [on.mul(a as T, SLOPES[name](on, b as T))]
      return (ops.byRows?.([g, x.value], byRows) ?? byRows(ops, [g, x.value]))[0] as T
    }
    return this.note(ops.activation(x.value, name), [x, pull])
  }

  matMul(
    a: Traced<T>,
    b: Traced<T>,
    options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
  ): Traced<T> {
    const { ops } = this
    const { transposeA = false, transposeB = false } = options
    const value = ops.matMul(a.value, b.value, options)
    // One matrix for many: its gradient is that of all rows together.
    const isShared = this.sizes(b).length === 2 && this.sizes(a).length > 2 && !transposeA
    const all = (x: T): T => (isShared ? this.rows(x) : x)
    return this.note(
      value,
      [
        a,
        (g) =>
          transposeA
            ? ops.matMul(b.value, g, { transposeA: transposeB, transposeB: true })
            : ops.matMul(g, b.value, { transposeB: !transposeB }),
      ],
      [
        b,
        (g) =>
          transposeB
            ? ops.matMul(all(g), all(a.value), { transposeA: true, transposeB: transposeA })
            : ops.matMul(all(a.value), all(g), { transposeA: !transposeA }),
      ],
    )
  }
  softmax(x: Traced<T>): Traced<T> {
    const { ops } = this
    const value = ops.softmax(x.value)
    const pull = (g: T): T => ops.mul(value, ops.sub(g, ops.sum(ops.mul(g, value), [-1], true)))
    return this.note(value, [x, pull])
  }

  sum(x: Traced<T>, axes: readonly number[], keepDims = false): Traced<T> {
    return this.note(this.ops.sum(x.value, axes, keepDims), [x, (g) => this.#spread(g, x, axes)])
  }
  mean(x: Traced<T>, axes: readonly number[], keepDims = false): Traced<T> {
    const sizes = this.sizes(x)
    const count = axes.reduce((product, axis) => product * (sizes.at(axis) as number), 1)
    return this.note(this.ops.mean(x.value, axes, keepDims), [
      x,
      (g) => this.#spread(this.ops.mul(g, this.ops.scalar(1 / count)), x, axes),
    ])
  }
  max(x: Traced<T>, axes: readonly number[], keepDims = false): Traced<T> {
    const { ops } = this
    // Several that are largest share the gradient, as those of PyTorch's amax do.
    const pull = (g: T): T => {
      const isLargest = ops.greaterEqual(x.value, ops.max(x.value, axes, true))
      return ops.mul(isLargest, ops.div(this.#kept(g, x, axes), ops.sum(isLargest, axes, true)))
    }
    return this.note(ops.max(x.value, axes, keepDims), [x, pull])
  }
  /** With 1 for each axis that was reduced. */
  #kept(gradient: T, x: Traced<T>, axes: readonly number[]): T {
    const sizes = this.sizes(x)
    const reduced = new Set(axes.map((axis) => axisOf(axis, sizes.length)))
    return this.ops.reshape(
      gradient,
      sizes.map((size, axis) => (reduced.has(axis) ? 1 : size)),
    )
  }
  #spread(gradient: T, x: Traced<T>, axes: readonly number[]): T {
    return this.ops.expand(this.#kept(gradient, x, axes), this.sizes(x))
  }

  transpose(x: Traced<T>, axes: readonly number[]): Traced<T> {
    const back = axes.map((_, axis) => axes.indexOf(axis))
    return this.note(this.ops.transpose(x.value, axes), [x, (g) => this.ops.transpose(g, back)])
  }
  reshape(x: Traced<T>, dims: readonly number[]): Traced<T> {
    return this.note(this.ops.reshape(x.value, dims), [x, (g) => this.ops.reshape(g, this.sizes(x))])
  }
  slice(x: Traced<T>, axis: number, start: number, end?: number): Traced<T> {
    const sizes = this.sizes(x)
    const at = axisOf(axis, sizes.length)
    const size = sizes[at] as number
    const from = start < 0 ? size + start : start
    const to = end === undefined ? size : end < 0 ? size + end : Math.min(end, size)
    if (from === 0 && to === size) return x
    return this.note(this.ops.slice(x.value, at, from, to), [x, (g) => this.ops.pad(g, at, from, size - to)])
  }
  concat(parts: readonly Traced<T>[], axis: number): Traced<T> {
    const at = axisOf(axis, this.sizes(parts[0] as Traced<T>).length)
    let start = 0
    const edges = parts.map((part): Edge<T> => {
      const from = start
      const to = (start += this.sizes(part)[at] as number)
      return [part, (g) => this.ops.slice(g, at, from, to)]
    })
    return this.note(
      this.ops.concat(
        parts.map(({ value }) => value),
        at,
      ),
      ...edges,
    )
  }
  pad(x: Traced<T>, axis: number, before: number, after: number): Traced<T> {
    const size = this.sizes(x).at(axis) as number
    const value = this.ops.pad(x.value, axis, before, after)
    return this.note(value, [x, (g) => this.ops.slice(g, axis, before, before + size)])
  }
  expandToBatch(x: Traced<T>, like: Traced<T>): Traced<T> {
    return this.note(this.ops.expandToBatch(x.value, like.value), [x, (g) => this.#reduced(g, x)])
  }
  expand(x: Traced<T>, dims: readonly number[]): Traced<T> {
    return this.note(this.ops.expand(x.value, dims), [x, (g) => this.#reduced(g, x)])
  }

  gather(x: Traced<T>, index: Traced<T>, axis = 0): Traced<T> {
    const { ops } = this
    const sizes = this.sizes(x)
    const at = axisOf(axis, sizes.length)
    const rank = this.sizes(index).length
    const pull = (g: T): T => {
      // The axes of the index first, as rows; then the axis back to its place.
      const order = [...ops.dims(g).keys()]
      const first =
        at === 0
          ? g
          : ops.transpose(g, [...order.slice(at, at + rank), ...order.slice(0, at), ...order.slice(at + rank)])
      const others = sizes.filter((_, i) => i !== at)
      const count = sizes[at] as number
      const rows = ops.reshape(first, [-1, others.reduce((product, size) => product * size, 1)])
      const sums = ops.reshape(ops.scatterAdd(rows, ops.reshape(index.value, [-1]), count), [count, ...others])
      return at === 0
        ? sums
        : ops.transpose(
            sums,
            sizes.map((_, i) => (i === at ? 0 : i < at ? i + 1 : i)),
          )
    }
    return this.note(ops.gather(x.value, index.value, at), [x, pull])
  }
  scatterAdd(rows: Traced<T>, index: Traced<T>, count: number): Traced<T> {
    const value = this.ops.scatterAdd(rows.value, index.value, count)
    return this.note(value, [rows, (g) => this.ops.gather(g, index.value)])
  }
  oneHot(index: Traced<T>, like: Traced<T>): Traced<T> {
    return { value: this.ops.oneHot(index.value, like.value) }
  }
}
