import type { Ops } from '../ops'

interface Call {
  readonly layer: number
  readonly op: string
  readonly args: readonly unknown[]
}

/** What these give needs no memory of its own. */
const SOURCES: ReadonlySet<string> = new Set(['param', 'constant', 'scalar'])

/**
 * Ops that note what each layer computes, and compute it again for the layer's gradients: of the forward pass only what
 * enters layers has to stay (Chen et al., "Training Deep Nets with Sublinear Memory Cost").
 */
export class LayerMemory<T> {
  /** To be used in place of the ops that were given. */
  readonly ops: Ops<T>
  readonly #calls = new Map<unknown, Call>()
  /** What has a gradient. */
  readonly #traced = new Set<unknown>()
  #layer = 0
  #count = 0
  /** The layer whose gradients are computed, what was computed again of it, and the gradient that it began with. */
  #again?: { readonly layer: number; readonly values: Map<unknown, T>; readonly zero: T }

  constructor(private readonly given: Ops<T>) {
    this.ops = new Proxy(given, {
      get: (target, name) => {
        const op: unknown = Reflect.get(target, name)
        if (typeof op !== 'function') return op
        if (name === 'dims') return (x: T) => target.dims(x)
        return (...args: readonly unknown[]) => this.#call(name as string, args)
      },
    })
  }

  get layer(): number {
    return this.#layer
  }

  /** Computes a layer whose values are not to stay. */
  within<R>(compute: () => R): R {
    const outer = this.#layer
    this.#layer = ++this.#count
    try {
      return compute()
    } finally {
      this.#layer = outer
    }
  }

  trace(value: T): void {
    this.#traced.add(value)
  }

  /** From here on gradients of this layer are computed (0: of none), of which the first is `gradient`. */
  enter(layer: number, gradient: T): void {
    this.#again = layer === 0 ? undefined : { layer, values: new Map(), zero: this.#zero(gradient) }
  }

  #call(op: string, args: readonly unknown[]): T {
    const value = this.#run(op, this.#again ? args.map((arg) => this.#current(arg)) : args)
    // Some ops hand on what they are given.
    if (!this.#again && !this.#calls.has(value)) this.#calls.set(value, { layer: this.#layer, op, args })
    return value
  }

  #run(op: string, args: readonly unknown[]): T {
    return Reflect.apply(Reflect.get(this.given, op) as () => T, this.given, args)
  }

  /** What stands for a value while the gradients of a layer are computed. */
  #current(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#current(each))
    const { layer, values, zero } = this.#again!
    const call = this.#calls.get(value)
    if (!call) return value
    const isOwn = call.layer === layer
    if (!isOwn && (!this.#traced.has(value) || SOURCES.has(call.op))) return value
    const known = values.get(value)
    if (known !== undefined) return known
    const again = isOwn
      ? this.#run(
          call.op,
          call.args.map((arg) => this.#current(arg)),
        )
      : this.given.add(value as T, zero)
    values.set(value, again)
    return again
  }

  /**
   * 0, `[1]`, made of the gradient: added to what enters the layer, it keeps a graph's engine from computing the layer
   * again before its turn, and from taking it for the same as before.
   */
  #zero(gradient: T): T {
    const { given } = this
    const first = given.dims(gradient).reduce((x: T, _, axis) => given.slice(x, axis, 0, 1), gradient)
    return given.mul(given.reshape(first, [1]), given.scalar(0))
  }
}
