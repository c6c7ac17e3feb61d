import { KEPT, type Param } from '@dual-encoder/core/backend'
import { OnnxOps } from '../ops'
import { END, FIRST_TOKENS, type OnnxValue } from '../primitives'
import { GraphBuilder, type GraphOutputs } from './builder'
import { axisOf } from './dims'
import type { ModelProto } from './proto'

/** What `first_tokens` is given for the first token alone, and for all of them. */
export const FIRST_ONLY = 1
export const ALL_TOKENS = END

/** A weight that an input of the graph is, in the shape of that. */
export interface KeptTable {
  readonly weight: string
  readonly dims: readonly number[]
}

/**
 * Writes the graph that runs: of one encoder the same for every request and, where that can be, every image size. How
 * much of the last layer is wanted is an input, and so are tables of positions, which another graph computes.
 */
export class RunOps extends OnnxOps {
  /** Tables that are given as they lie, by the names of the inputs that they become. */
  readonly kept = new Map<string, KeptTable>()
  readonly #tables = new Map<string, { readonly value: string; readonly dims: readonly (number | string)[] }>()
  #aside?: GraphBuilder
  #wanted?: string

  firstTokens(x: OnnxValue, axis: number): OnnxValue {
    const at = axisOf(axis, x.dims.length)
    const end = (this.#wanted ??= this.graph.input(FIRST_TOKENS, 'int64', [1]))
    const shaped = this.graph.node('Slice', [this.shaped(x), this.graph.ints([0]), end, this.graph.ints([at])])
    if (at === 1 && x.dims.length === 3 && !this.shapes.has(FIRST_TOKENS))
      this.shapes.set(FIRST_TOKENS, this.graph.node('Shape', [shaped], { start: 0, end: 2 }))
    return { dims: x.dims.map((dim, i) => (i === at ? FIRST_TOKENS : dim)), shaped }
  }

  resized(
    table: Param,
    size: string,
    compute: () => OnnxValue,
    unfold: (small: OnnxValue) => OnnxValue = (small) => small,
  ): OnnxValue {
    const main = this.graph
    this.graph = this.#aside ??= new GraphBuilder(main.name)
    let value: OnnxValue
    try {
      value = compute()
      const name = `table.${table.name}`
      if (size === KEPT) this.kept.set(name, { weight: table.name, dims: value.dims as readonly number[] })
      else this.#tables.set(name, { value: this.shaped(value), dims: value.dims })
      value = { dims: value.dims, shaped: main.input(name, 'float32', value.dims) }
    } finally {
      this.graph = main
    }
    return unfold(value)
  }

  /** Computes the tables, by the names of the inputs that they become; undefined where there are none. */
  get tables(): ModelProto | undefined {
    return this.#tables.size > 0 ? this.#aside?.build(this.#tables satisfies GraphOutputs) : undefined
  }
}
