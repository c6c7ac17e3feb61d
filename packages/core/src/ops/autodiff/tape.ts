import type { Activation } from '../activations'
import type { Linear, Norm, Param } from '../ops'
import { TracedPrimitives } from './primitives'
import type { NormParts, Traced } from './record'

/** Rows for each value of a norm from which on passes over a layer's weights cost less than those over what it is given. */
const FOLDED = 8

type Folded<T> = readonly [weight: Traced<T>, bias: Traced<T> | undefined]

/**
 * The factors of a dropout: `dims` of 0 (at `rate`) and 1 / (1 - rate). Indices count from 1 on. `tokens`: of how many the
 * one along the last axis but one is the first.
 */
export type DrawFactors<T> = (index: number, dims: readonly number[], rate: number, tokens: number) => T

/**
 * Ops that compute on other ops and note how, so that gradients can be had afterwards. What is not written here is
 * composed of primitives, and so are its gradients; here is what a rule of its own makes faster, and what is dropped.
 */
export class Tape<T> extends TracedPrimitives<T> {
  #draw?: DrawFactors<T>
  #index = 0
  /** Layers behind a norm, with its weight and bias in theirs: a batch that goes through in parts has them once. */
  readonly #foldings = new Map<string, Folded<T>>()
  /** Of how many the token of the last layer is the first, where that computes no others. */
  #tokens = 1

  /** Drops from now on, counting dropouts anew; nothing without `draw`. What depends on no variable is never dropped. */
  dropBy(draw: DrawFactors<T> | undefined): void {
    this.#draw = draw
    this.#index = 0
    this.#tokens = 1
  }

  /** What is dropped of the first token does not depend on whether others are computed. */
  firstTokens(x: Traced<T>, axis: number): Traced<T> {
    if (axis === 1) this.#tokens = this.sizes(x)[1] as number
    return this.slice(x, axis, 0, 1)
  }

  layer<R extends Readonly<Record<string, Traced<T> | undefined>>>(compute: () => R): R {
    if (!this.memory) return compute()
    return this.memory.within(compute, (made) =>
      Object.fromEntries(Object.entries(made).map(([name, x]) => [name, x?.value])),
    )
  }

  dropout(x: Traced<T>, rate: number, of: 'batch' | 'table' = 'batch'): Traced<T> {
    const tokensOf = (sizes: readonly number[]) => (sizes.length > 2 && sizes.at(-2) === 1 ? this.#tokens : 1)
    return this.#drop(x, rate, (sizes) => ({ dims: sizes, tokens: of === 'table' ? 0 : tokensOf(sizes) }))
  }
  dropPath(x: Traced<T>, rate: number): Traced<T> {
    return this.#drop(x, rate, (sizes) => ({ dims: sizes.map((size, axis) => (axis === 0 ? size : 1)), tokens: 1 }))
  }
  #drop(
    x: Traced<T>,
    rate: number,
    of: (sizes: readonly number[]) => { readonly dims: readonly number[]; readonly tokens: number },
  ): Traced<T> {
    if (!this.#draw || rate === 0) return x
    const index = ++this.#index
    if (!x.node) return x
    const { dims, tokens } = of(this.sizes(x))
    const draw = this.#draw
    const factors = () => draw(index, dims, rate, tokens)
    return this.mul(x, { value: this.memory ? this.memory.source(factors) : factors() })
  }

  override linear(x: Traced<T>, { weight, bias, scale }: Linear, activation: Activation = 'linear'): Traced<T> {
    const { ops } = this
    if (weight.shape.length !== 2) return super.linear(x, { weight, bias, scale }, activation)
    const [w, b] = [this.param(weight), bias && this.param(bias)]
    // What is locked would be there twice.
    const isFolded = x.norm !== undefined && w.node !== undefined
    const product = isFolded
      ? this.#behindNorm(x.norm, weight, bias)
      : this.#multiplied(ops.linear(x.value, { weight, bias }), x, w, b)
    const activated = this.activation(product, activation)
    return scale ? this.mul(activated, this.param(scale)) : activated
  }

  /** x wᵀ + b, which is `value`. */
  #multiplied(value: T, x: Traced<T>, w: Traced<T>, b: Traced<T> | undefined): Traced<T> {
    const { ops } = this
    return this.note(
      value,
      [x, (g) => ops.matMul(g, w.value)],
      [w, (g) => ops.matMul(this.rows(g), this.rows(x.value), { transposeA: true })],
      ...(b ? [[b, (g: T) => ops.sum(this.rows(g), [0])] as const] : []),
    )
  }

  /** A layer behind a norm, of what that has before its weight and bias: those go into the layer's. */
  #behindNorm({ of, ...norm }: NormParts<T>, weight: Param, bias: Param | undefined): Traced<T> {
    const { ops } = this
    const [w, b] = this.#folded(norm, weight, bias)
    const product = ops.matMul(of.value, w.value, { transposeB: true })
    return this.#multiplied(b ? ops.add(product, b.value) : product, of, w, b)
  }

  #folded({ weight: gain, bias: shift }: Omit<NormParts<T>, 'of'>, weight: Param, bias: Param | undefined): Folded<T> {
    const key = JSON.stringify([gain.name, weight.name, weight.rows])
    // A layer that is computed again shares nothing with others.
    const known = this.memory ? undefined : this.#foldings.get(key)
    if (known) return known
    const [w, b] = [this.param(weight), bias && this.param(bias)]
    const [outputs, inputs] = this.sizes(w) as [number, number]
    const shifts = shift && this.reshape(this.matMul(w, this.reshape(this.param(shift), [inputs, 1])), [outputs])
    // What was normed has no mean along a row: without theirs weights give the same, and gradients that have none either.
    const scaled = this.mul(w, this.param(gain))
    const centred = this.sub(scaled, this.mean(scaled, [1], true))
    const folded: Folded<T> = [centred, shifts && b ? this.add(shifts, b) : (shifts ?? b)]
    this.#foldings.set(key, folded)
    return folded
  }

  /** A table's padding row has no gradient, as PyTorch's `padding_idx` has none. */
  override embedding(ids: Traced<T>, table: Param): Traced<T> {
    const { ops } = this
    const rows = super.embedding(ids, table)
    const padding = table.init.kind === 'normal' ? table.init.zeroRow : undefined
    if (padding === undefined) return rows
    const unpadded = (): T => {
      const [id, wanted] = [ops.float(ids.value), ops.scalar(padding)]
      const is = ops.mul(ops.greaterEqual(id, wanted), ops.greaterEqual(wanted, id))
      return ops.reshape(ops.sub(ops.scalar(1), is), [...this.sizes(ids), 1])
    }
    return this.note(rows.value, [rows, (g) => ops.mul(g, unpadded())])
  }

  override layerNorm(x: Traced<T>, norm: Norm): Traced<T> {
    const { ops } = this
    const { weight, bias, eps } = norm
    const [w, b] = [this.param(weight), bias && this.param(bias)]
    const centred = ops.sub(x.value, ops.mean(x.value, [-1], true))
    const variance = ops.mean(ops.mul(centred, centred), [-1], true)
    const inverse = ops.div(ops.scalar(1), ops.sqrt(ops.add(variance, ops.scalar(eps))))
    const normed = ops.mul(centred, inverse)
    const size = this.sizes(w)[0] as number
    const share = ops.scalar(1 / size)
    /** Means along the last axis, of what was scaled by `by`: as products, a pass less each. */
    const mean = (g: T, by?: T): T =>
      ops.matMul(g, ops.reshape(by ? ops.mul(by, share) : ops.expand(share, [size]), [size, 1]))
    /** From a gradient of `normed` that has no mean along the last axis. */
    const turned = (g: T, along: T): T => ops.mul(ops.sub(g, ops.mul(normed, along)), inverse)
    const rows = this.sizes(x).reduce((product, size) => product * size, 1) / size
    if (norm.isForLinears && rows >= FOLDED * size) {
      const of = this.note(normed, [x, (g) => turned(g, mean(ops.mul(g, normed)))])
      const scaled = this.mul(this.note(normed, [of, (g) => ops.sub(g, mean(g))]), w)
      return { ...(b ? this.add(scaled, b) : scaled), norm: { of, weight, bias } }
    }
    const scaled = ops.mul(normed, w.value)
    return this.note(
      b ? ops.add(scaled, b.value) : scaled,
      [x, (g) => turned(ops.sub(ops.mul(g, w.value), mean(g, w.value)), mean(ops.mul(g, normed), w.value))],
      [w, (g) => ops.sum(this.rows(ops.mul(g, normed)), [0])],
      ...(b ? [[b, (g: T) => ops.sum(this.rows(g), [0])] as const] : []),
    )
  }

  override l2Normalize(x: Traced<T>, eps?: number): Traced<T> {
    const { ops } = this
    const norm = ops.sqrt(ops.sum(ops.mul(x.value, x.value), [-1], true))
    const size = eps === undefined ? norm : ops.maximum(norm, ops.scalar(eps))
    const value = ops.div(x.value, size)
    // A row that is not longer than eps is divided by a constant: one of zeros too has a gradient.
    const turns = eps === undefined ? undefined : ops.sub(ops.scalar(1), ops.greaterEqual(ops.scalar(eps), norm))
    const pull = (g: T): T => {
      const along = ops.mul(value, ops.sum(ops.mul(g, value), [-1], true))
      return ops.div(ops.sub(g, turns === undefined ? along : ops.mul(along, turns)), size)
    }
    return this.note(value, [x, pull])
  }
}
