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
  return {
    opsets,
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
      initializers: graph.initializers.filter(({ name }) => (names.get(name) ?? name) === name),
    },
  }
}
