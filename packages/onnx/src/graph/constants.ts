import type { ModelProto, TensorProto } from './proto'

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

/** The same for constants of the same type, sizes and values. */
export function constantKey({ element, dims, data }: TensorProto): string {
  const bytes = data as Uint8Array
  const values = bytes.length > LONGEST_KEY ? `#${identityOf(bytes)}` : bytes.join()
  return `${element}[${dims.join()}]${values}`
}

/** The model with one constant in place of all that `key` says are the same. */
export function withoutCopies(
  { graph, opsets }: ModelProto,
  key: (constant: TensorProto) => string = constantKey,
): ModelProto {
  const kept = new Map<string, string>()
  const names = new Map<string, string>()
  for (const tensor of graph.initializers) {
    if (!isConstant(tensor)) continue
    const value = key(tensor)
    if (!kept.has(value)) kept.set(value, tensor.name)
    names.set(tensor.name, kept.get(value) as string)
  }
  const isKept = ({ name }: { readonly name: string }) => (names.get(name) ?? name) === name
  return {
    opsets,
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
      initializers: graph.initializers.filter(isKept),
      inputs: graph.inputs.filter(isKept),
    },
  }
}
