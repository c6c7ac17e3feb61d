import type { AttentionOptions, Ops, Projection } from './ops'

/** What an op that was put off gives, once something asks for it. */
class Deferred<T> {
  #known?: { readonly value: T }

  constructor(private readonly compute: () => T) {}

  get value(): T {
    return (this.#known ??= { value: this.compute() }).value
  }
}

/** Ops that give more than one value, and what of it, by what they are given. */
const PARTS: Readonly<Record<string, (args: readonly unknown[]) => readonly (string | number)[]>> = {
  linears: ([, layers]) => [...(layers as readonly Projection[]).keys()],
  addLayerNorm: () => ['sum', 'normed'],
  attention: (args) => ['context', ...((args[3] as AttentionOptions<unknown>).probs ? ['probs'] : [])],
}

/**
 * Ops of which a part is put off: what is called then is computed only if something that runs needs it. A tower that is
 * entered at a layer is so called as a whole, and of what is below computes no more than the layers above read (a mask, a
 * table of positions). A graph leaves out by itself what no output needs; what computes at once cannot.
 */
export class DeferringOps<T> {
  readonly ops: Ops<T>
  /** What is called from now on is put off. */
  deferring: boolean
  /** What was put off, and computed after all. */
  readonly #computed: T[] = []

  constructor(
    private readonly given: Ops<T>,
    deferring: boolean,
  ) {
    this.deferring = deferring
    const layer: Ops<T>['layer'] = given.layer && ((compute, consumed) => this.#layer(compute, consumed))
    this.ops = new Proxy(given, {
      get: (target, name) => {
        const op: unknown = name === 'layer' ? layer : Reflect.get(target, name)
        if (typeof op !== 'function' || name === 'layer' || name === 'entering' || name === 'ofTokens') return op
        return (...args: readonly unknown[]) => this.#call(name as string, args)
      },
    })
  }

  #call(op: string, args: readonly unknown[]): unknown {
    if (!this.deferring) return this.#run(op, args)
    // Dropouts are told apart by counting. Those that are put off count too: of what is no variable nothing is dropped.
    if (op === 'dropout' || op === 'dropPath') return this.#apply(op, args)
    if (op === 'attention') this.#apply('dropout', [args[0], (args[3] as AttentionOptions<T>).dropout ?? 0])
    const whole = new Deferred(() => this.#run(op, args))
    const parts = PARTS[op]?.(args)
    if (!parts) return this.#putOff(() => whole.value as T)
    const each = parts.map((part) => [part, this.#putOff(() => Reflect.get(whole.value as object, part) as T)] as const)
    return op === 'linears' ? each.map(([, part]) => part) : Object.fromEntries(each)
  }

  #apply(op: string, args: readonly unknown[]): unknown {
    return Reflect.apply(Reflect.get(this.given, op) as () => unknown, this.given, args)
  }
  #run(op: string, args: readonly unknown[]): unknown {
    return this.#apply(op, args.map(settled))
  }

  #putOff(compute: () => T): Deferred<T> {
    return new Deferred(() => {
      const value = compute()
      this.#computed.push(value)
      return value
    })
  }

  /** What was put off and computed within a layer may be read by those above too: it outlives the layer. */
  #layer<R extends Readonly<Record<string, T | undefined>>>(compute: () => R, consumed: readonly T[]): R {
    let made: R | undefined
    this.given.layer!(() => {
      const before = this.#computed.length
      made = compute()
      const outliving = [...Object.values(made), ...this.#computed.slice(before)]
      return Object.fromEntries(outliving.filter(isComputed).entries())
    }, consumed.filter(isComputed))
    return made as R
  }
}

const isComputed = (value: unknown): boolean => !(value instanceof Deferred)

/** An argument of an op, with what was put off computed. */
function settled(arg: unknown): unknown {
  if (arg instanceof Deferred) return arg.value
  if (Array.isArray(arg)) return arg.map(settled)
  const isObject = typeof arg === 'object' && arg !== null
  if (!isObject || !Object.values(arg).some((value) => value instanceof Deferred)) return arg
  return Object.fromEntries(Object.entries(arg).map(([name, value]) => [name, settled(value)]))
}
