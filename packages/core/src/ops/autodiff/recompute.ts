import type { Ops } from '../ops'

interface Call<T> {
  readonly layer: number
  /** What it gives needs no memory of its own. */
  readonly isSource: boolean
  /** What it gave: most ops one value. */
  readonly made: readonly unknown[]
  again(): T | readonly T[]
}

const SOURCES: ReadonlySet<string> = new Set(['param', 'constant', 'scalar'])

/**
 * Ops that note what each layer computes, and compute it again for the layer's gradients: of the forward pass only what
 * enters layers has to stay (Chen et al., "Training Deep Nets with Sublinear Memory Cost"). A graph's engine frees the rest
 * itself; ops that compute at once are told to, by their `layer`.
 */
export class LayerMemory<T> {
  /** To be used in place of the ops that were given. */
  readonly ops: Ops<T>
  readonly #calls = new Map<unknown, Call<T>>()
  /** What has a gradient. */
  readonly #traced = new Set<unknown>()
  #layer = 0
  #count = 0
  /** The layer whose gradients are computed, what was computed again of it, and the gradient that it began with. */
  #again?: { readonly layer: number; readonly values: Map<unknown, T>; readonly zero?: T }

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

  /** Computes a layer of whose values only those that it gives are to stay. */
  within<R>(compute: () => R, valuesOf: (made: R) => Readonly<Record<string, T | undefined>>): R {
    const outer = this.#layer
    this.#layer = ++this.#count
    try {
      if (!this.given.layer) return compute()
      let made: R | undefined
      this.given.layer(() => valuesOf((made = compute())), [])
      return made as R
    } finally {
      this.#layer = outer
    }
  }

  /** A value that no op gives. Where a layer's values are freed it is made again with them. */
  source(make: () => T): T {
    const value = make()
    if (this.given.layer) this.#calls.set(value, { layer: this.#layer, isSource: false, made: [value], again: make })
    return value
  }

  trace(value: T): void {
    this.#traced.add(value)
  }

  /** From here on gradients of this layer are computed (0: of none), of which the first is `gradient`. */
  enter(layer: number, gradient: T): void {
    const zero = layer === 0 || this.given.layer ? undefined : this.#zero(gradient)
    this.#again = layer === 0 ? undefined : { layer, values: new Map(), zero }
  }

  #call(op: string, args: readonly unknown[]): T | readonly T[] {
    const given = this.#again ? args.map((arg) => this.#current(arg)) : args
    const value = this.#run(op, given)
    if (this.#again) return value
    const call: Call<T> = {
      layer: this.#layer,
      isSource: SOURCES.has(op),
      made: [value].flat(),
      again: () =>
        this.#run(
          op,
          args.map((arg) => this.#current(arg)),
        ),
    }
    // Some ops hand on what they are given, or make nothing.
    for (const one of call.made) if (one !== undefined && !this.#calls.has(one)) this.#calls.set(one, call)
    return value
  }

  #run(op: string, args: readonly unknown[]): T | readonly T[] {
    return Reflect.apply(Reflect.get(this.given, op) as () => T, this.given, args)
  }

  /** What stands for a value while the gradients of a layer are computed. */
  #current(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#current(each))
    const { layer, values, zero } = this.#again!
    const call = this.#calls.get(value)
    if (!call) return value
    const isOwn = call.layer === layer
    if (!isOwn && (zero === undefined || !this.#traced.has(value) || call.isSource)) return value
    const known = values.get(value)
    if (known !== undefined) return known
    const again = [isOwn ? call.again() : this.given.add(value as T, zero as T)].flat() as T[]
    for (const [i, one] of (isOwn ? call.made : [value]).entries()) values.set(one, again[i] as T)
    return values.get(value)
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
