import type { Activation } from '../activations'
import type { Linear, Norm, Ops } from '../ops'
import { TracedPrimitives } from './primitives'
import type { Traced } from './record'

/** Draws the factors of dropout: `dims` of 0 (at `rate`) and 1 / (1 - rate). */
export interface Masks<T> {
  next(dims: readonly number[], rate: number): T
}

export interface TapeOptions<T> {
  /** Whether the gradient of a parameter is wanted; of every one by default. What is not is a constant. */
  readonly wanted?: (name: string) => boolean
  /** Given while training: without them nothing is dropped. */
  readonly masks?: Masks<T>
}

/**
 * Ops that compute on other ops and note how, so that gradients can be had afterwards. What is not written here is
 * composed of primitives, and so are its gradients; here is what a rule of its own makes faster, and what is dropped.
 */
export class Tape<T> extends TracedPrimitives<T> {
  readonly #masks?: Masks<T>

  constructor(ops: Ops<T>, { wanted, masks }: TapeOptions<T> = {}) {
    super(ops, wanted)
    this.#masks = masks
  }

  dropout(x: Traced<T>, rate: number): Traced<T> {
    return this.#drop(x, rate, this.sizes(x))
  }
  dropPath(x: Traced<T>, rate: number): Traced<T> {
    return this.#drop(
      x,
      rate,
      this.sizes(x).map((size, axis) => (axis === 0 ? size : 1)),
    )
  }
  #drop(x: Traced<T>, rate: number, dims: readonly number[]): Traced<T> {
    const masks = this.#masks
    return masks && rate > 0 ? this.mul(x, { value: masks.next(dims, rate) }) : x
  }

  override linear(x: Traced<T>, { weight, bias, scale }: Linear, activation: Activation = 'linear'): Traced<T> {
    const { ops } = this
    if (weight.shape.length !== 2) return super.linear(x, { weight, bias, scale }, activation)
    const [w, b] = [this.param(weight), bias && this.param(bias)]
    const product = this.note(
      ops.linear(x.value, { weight, bias }),
      [x, (g) => ops.matMul(g, w.value)],
      [w, (g) => ops.matMul(this.rows(g), this.rows(x.value), { transposeA: true })],
      ...(b ? [[b, (g: T) => ops.sum(this.rows(g), [0])] as const] : []),
    )
    const activated = this.activation(product, activation)
    return scale ? this.mul(activated, this.param(scale)) : activated
  }

  override layerNorm(x: Traced<T>, { weight, bias, eps }: Norm): Traced<T> {
    const { ops } = this
    const [w, b] = [this.param(weight), bias && this.param(bias)]
    const centred = ops.sub(x.value, ops.mean(x.value, [-1], true))
    const variance = ops.mean(ops.mul(centred, centred), [-1], true)
    const inverse = ops.div(ops.scalar(1), ops.sqrt(ops.add(variance, ops.scalar(eps))))
    const normed = ops.mul(centred, inverse)
    const pull = (g: T): T => {
      const scaled = ops.mul(g, w.value)
      const along = ops.mul(normed, ops.mean(ops.mul(scaled, normed), [-1], true))
      return ops.mul(ops.sub(ops.sub(scaled, ops.mean(scaled, [-1], true)), along), inverse)
    }
    const scaled = ops.mul(normed, w.value)
    return this.note(
      b ? ops.add(scaled, b.value) : scaled,
      [x, pull],
      [w, (g) => ops.sum(this.rows(ops.mul(g, normed)), [0])],
      ...(b ? [[b, (g: T) => ops.sum(this.rows(g), [0])] as const] : []),
    )
  }
}
