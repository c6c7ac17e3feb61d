import { atOnce, type Pieces } from '@dual-encoder/core/backend'
import type { ModelProto, NodeProto, TensorProto } from './proto'

/** What names of a graph's constants begin with; all other initializers are weights. */
export const CONSTANT = 'constant_'

export const isConstant = ({ name }: TensorProto): boolean => name.startsWith(CONSTANT)

/** Constants of more bytes are compared by identity: the builder stores a host tensor once. */
const LONGEST_KEY = 256

const identities = new WeakMap<ArrayBufferLike, number>()
let count = 0
function identityOf({ buffer }: Uint8Array): number {
  const known = identities.get(buffer) ?? count++
  identities.set(buffer, known)
  return known
}

const keys = new WeakMap<TensorProto, string>()

/** The same for constants of the same type, sizes and values. */
export function constantKey(constant: TensorProto): string {
  const known = keys.get(constant)
  if (known !== undefined) return known
  const { element, dims, data } = constant
  const bytes = data as Uint8Array
  const values = bytes.length > LONGEST_KEY ? `#${identityOf(bytes)}` : bytes.join()
  const key = `${element}[${dims.join()}]${values}`
  keys.set(constant, key)
  return key
}

/** The model with one constant in place of all that `key` says are the same. */
export const withoutCopies = (...given: Parameters<typeof leavingOutCopies>): ModelProto =>
  atOnce(leavingOutCopies(...given))

export function* leavingOutCopies(
  { graph, opsets }: ModelProto,
  key: (constant: TensorProto) => string = constantKey,
): Pieces<ModelProto> {
  const kept = new Map<string, string>()
  const names = new Map<string, string>()
  for (const tensor of graph.initializers) {
    if (!isConstant(tensor)) continue
    const value = key(tensor)
    if (!kept.has(value)) kept.set(value, tensor.name)
    if (kept.get(value) !== tensor.name) names.set(tensor.name, kept.get(value) as string)
    yield
  }
  const nodes: NodeProto[] = []
  for (const node of graph.nodes) {
    nodes.push(renamed(node, names))
    yield
  }
  return {
    opsets,
    graph: {
      ...graph,
      nodes,
      initializers: graph.initializers.filter(({ name }) => !names.has(name)),
    },
  }
}

/** The node with other names for those that have any; most have none. */
export function renamed(node: NodeProto, names: ReadonlyMap<string, string>): NodeProto {
  const other = (all: readonly string[]) =>
    all.some((name) => names.has(name)) ? all.map((name) => names.get(name) ?? name) : all
  const [inputs, outputs] = [other(node.inputs), other(node.outputs)]
  return inputs === node.inputs && outputs === node.outputs ? node : { ...node, inputs, outputs }
}
