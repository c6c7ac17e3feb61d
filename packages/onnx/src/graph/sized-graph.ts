import { isConstant, constantKey, withoutCopies } from './constants'
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfo } from './proto'

type Dims = readonly (number | string)[]

/** Sizes that two graphs share; a name for those in which they differ. */
const shared = (a: Dims, b: Dims, name: string): Dims =>
  a.map((dim, axis) => (dim === b[axis] ? dim : `${name}.${axis}`))

const sameRank = (a: Dims, b: Dims): boolean => a.length === b.length

function sharedInfo(a: readonly ValueInfo[], b: readonly ValueInfo[]): ValueInfo[] {
  const others = new Map(b.map(({ name, dims }) => [name, dims]))
  return a.map((info) => ({ ...info, dims: shared(info.dims, others.get(info.name) ?? info.dims, info.name) }))
}

const constantsOf = ({ graph }: ModelProto): TensorProto[] => graph.initializers.filter(isConstant)

const areSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i])

const isSameNode = (a: NodeProto, b: NodeProto): boolean =>
  a.op === b.op &&
  a.domain === b.domain &&
  areSame(a.inputs, b.inputs) &&
  areSame(a.outputs, b.outputs) &&
  JSON.stringify(a.attributes) === JSON.stringify(b.attributes)

/** What a run gives, whether or not weights may be given too: they may where a picture has many tokens. */
function givenTo({ inputs, initializers }: GraphProto): ValueInfo[] {
  const weights = new Set(initializers.map(({ name }) => name))
  return inputs.filter(({ name }) => !weights.has(name))
}

/** Whether two graphs of one tower compute the same but for constants and sizes. */
function isAlike({ graph: a }: ModelProto, { graph: b }: ModelProto): boolean {
  const haveRanks = (one: readonly ValueInfo[], other: readonly ValueInfo[]) =>
    one.length === other.length &&
    one.every(({ name, dims }, i) => name === other[i]?.name && sameRank(dims, other[i].dims))
  return (
    a === b ||
    (a.nodes.length === b.nodes.length &&
      a.nodes.every((node, i) => isSameNode(node, b.nodes[i] as NodeProto)) &&
      haveRanks(givenTo(a), givenTo(b)) &&
      haveRanks(a.outputs, b.outputs))
  )
}

/**
 * One graph for pictures of many sizes. The graphs that a tower writes for two sizes differ in constants alone (most do):
 * those become inputs, which each size has its own values of.
 */
export class SizedGraph {
  readonly model: ModelProto
  readonly #written: ModelProto
  /** Constants that are left, by name: their values, those that are inputs apart. */
  readonly #fixed = new Map<string, string>()
  readonly #inputs: readonly string[]
  /** Of each constant the one that stands for it. */
  readonly #kept = new Map<string, string>()
  /** Of a graph for one size alone: its sizes. */
  readonly #only?: string

  /** @param graph as it was written for one size, `probe` for another; without it the graph is for that size alone */
  constructor(graph: ModelProto, probe: ModelProto = graph) {
    this.#written = graph
    const others = new Map(constantsOf(probe).map((constant) => [constant.name, constant]))
    const isShared =
      probe !== graph &&
      isAlike(graph, probe) &&
      constantsOf(graph).every(({ name, dims }) => sameRank(dims, others.get(name)?.dims ?? [-1]))
    const other = isShared ? probe : graph
    if (!isShared) this.#only = sizes(graph)
    const pairKey = (constant: TensorProto) =>
      isShared
        ? `${constantKey(constant)} ${constantKey(others.get(constant.name) as TensorProto)}`
        : constantKey(constant)
    const first = new Map<string, string>()
    for (const constant of constantsOf(graph)) {
      const key = pairKey(constant)
      if (!first.has(key)) first.set(key, constant.name)
      this.#kept.set(constant.name, first.get(key) as string)
    }
    const compact = withoutCopies(graph, pairKey)
    const varies = (tensor: TensorProto) =>
      isShared && isConstant(tensor) && constantKey(tensor) !== constantKey(others.get(tensor.name) as TensorProto)
    const given = compact.graph.initializers.filter(varies)
    this.#inputs = given.map(({ name }) => name)
    for (const constant of constantsOf(compact))
      if (!this.#inputs.includes(constant.name)) this.#fixed.set(constant.name, constantKey(constant))
    this.model = {
      ...compact,
      graph: {
        ...compact.graph,
        initializers: compact.graph.initializers.filter((tensor) => !varies(tensor)),
        inputs: [
          ...sharedInfo(compact.graph.inputs, other.graph.inputs),
          ...given.map(({ name, element, dims }) => ({
            name,
            element,
            dims: shared(dims, (others.get(name) as TensorProto).dims, name),
          })),
        ],
        outputs: sharedInfo(compact.graph.outputs, other.graph.outputs),
        values: sharedInfo(compact.graph.values, other.graph.values),
      },
    }
  }

  /** The inputs that make this graph `written`; undefined where no values do. */
  inputsOf(written: ModelProto): readonly TensorProto[] | undefined {
    if (this.#only !== undefined && this.#only !== sizes(written)) return undefined
    if (!isAlike(written, this.#written)) return undefined
    const values = new Map(constantsOf(written).map((constant) => [constant.name, constant]))
    const keys = new Map<string, string>()
    for (const [name, constant] of values) {
      const kept = this.#kept.get(name)
      const key = constantKey(constant)
      if (kept === undefined || (keys.get(kept) ?? this.#fixed.get(kept) ?? key) !== key) return undefined
      keys.set(kept, key)
    }
    return this.#inputs.map((name) => values.get(name) as TensorProto)
  }
}

const sizes = (model: ModelProto): string => JSON.stringify(givenTo(model.graph).map(({ dims }) => dims))
