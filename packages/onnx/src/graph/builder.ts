import type { Tensor } from '@dual-encoder/core'
import { atOnce, type Pieces } from '@dual-encoder/core/backend'
import { CONSTANT, leavingOutCopies } from './constants'
import type { Attribute, Element, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfo } from './proto'

/** Contributed operators of ONNX Runtime. */
export const MICROSOFT = 'com.microsoft'

const OPSET = 17

/** Outputs of a graph by their names: a value of it, and its shape. */
export type GraphOutputs = ReadonlyMap<string, { readonly value: string; readonly dims: readonly (number | string)[] }>

/** Collects nodes and initializers; what no output needs is left out of the model. */
export class GraphBuilder {
  readonly #nodes: NodeProto[] = []
  readonly #initializers = new Map<string, TensorProto>()
  /** Initializers that a caller might give instead. */
  readonly #overridable = new Set<string>()
  readonly #inputs: ValueInfo[] = []
  /** Names of host tensors that were given before. */
  readonly #tensors = new WeakMap<Tensor, string>()
  readonly #written = new Map<string, unknown>()
  readonly #sizes = new Map<string, readonly (number | string)[]>()
  #count = 0

  /** @param prefix of all names: those of a body differ from those around it */
  constructor(
    readonly name: string,
    private readonly prefix = '',
  ) {}

  input(name: string, element: Element, dims: readonly (number | string)[]): string {
    this.#inputs.push({ name, element, dims })
    return name
  }

  /** Adds an operator with one output. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string {
    return this.nodeWithOutputs(op, inputs, [true], attributes, domain)[0] as string
  }

  /** Adds an operator; an output that is not wanted gets the name ''. */
  nodeWithOutputs(
    op: string,
    inputs: readonly string[],
    wanted: readonly boolean[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string[] {
    const id = `${this.prefix}${op}_${this.#count++}`
    const outputs = wanted.map((isWanted, i) => (isWanted ? `${id}_${i}` : ''))
    this.#nodes.push({ op, domain, inputs, outputs, attributes })
    return outputs
  }

  /**
   * float32 in another shape, whose sizes the engine cannot tell where they have but names: of values that it knows no
   * sizes of, none takes the place of one before it, and to plan that takes the square of their number.
   */
  reshape(x: string, shape: string, dims: readonly (number | string)[]): string {
    const name = this.node('Reshape', [x, shape])
    this.#sizes.set(name, dims)
    return name
  }

  /** What several operators read is written once: `write` runs for the first of the same key. */
  once<T>(key: string, write: () => T): T {
    if (!this.#written.has(key)) this.#written.set(key, write())
    return this.#written.get(key) as T
  }

  initializer(tensor: TensorProto): string {
    if (!this.#initializers.has(tensor.name)) this.#initializers.set(tensor.name, tensor)
    return tensor.name
  }

  /** To ONNX Runtime an initializer that a caller might override is no constant: it is used where it lies, not packed. */
  keepUnpacked(initializer: string): void {
    this.#overridable.add(initializer)
  }

  ints(values: readonly number[], scalar = false): string {
    return this.#constant('int64', scalar ? [] : [values.length], BigInt64Array.from(values, BigInt))
  }

  float(value: number): string {
    return this.#constant('float32', [], Float32Array.of(value))
  }

  /** A host tensor, float32 or integers; the same tensor is stored once. */
  tensor(value: Tensor): string {
    const known = this.#tensors.get(value)
    if (known !== undefined) return known
    const { dims, dtype, data } = value
    const isFloat = dtype === 'float32'
    const values = isFloat ? (data as Float32Array) : BigInt64Array.from(data as Int32Array, BigInt)
    const name = this.#constant(isFloat ? 'float32' : 'int64', dims, values)
    this.#tensors.set(value, name)
    return name
  }

  #constant(element: Element, dims: readonly number[], values: Float32Array | BigInt64Array): string {
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    return this.initializer({ name: `${this.prefix}${CONSTANT}${this.#count++}`, element, dims, data })
  }

  /** The model that computes `outputs`, and nothing else. */
  build(outputs: GraphOutputs): ModelProto {
    return atOnce(this.building(outputs))
  }
  *building(outputs: GraphOutputs): Pieces<ModelProto> {
    return yield* leavingOutCopies(yield* this.#collecting(outputs))
  }

  /** As `build`, with a constant of its own wherever one was written, whatever its value. */
  collect(outputs: GraphOutputs): ModelProto {
    return atOnce(this.#collecting(outputs))
  }
  *#collecting(outputs: GraphOutputs): Pieces<ModelProto> {
    const ends: NodeProto[] = [...outputs].map(([name, { value }]) => ({
      op: 'Identity',
      domain: '',
      inputs: [value],
      outputs: [name],
      attributes: {},
    }))
    const needed = new Set(ends.flatMap(({ inputs }) => inputs))
    const kept = yield* keeping(this.#nodes, needed)
    const initializers = [...this.#initializers.values()].filter(({ name }) => needed.has(name))
    const overridable = initializers.filter(({ name }) => this.#overridable.has(name))
    const graph: GraphProto = {
      name: this.name,
      nodes: [...kept, ...ends],
      initializers,
      inputs: [...this.#inputs.filter(({ name }) => needed.has(name)), ...overridable],
      outputs: [...outputs].map(([name, { dims }]) => ({ name, element: 'float32', dims })),
      values: [...this.#sizes].flatMap(([name, dims]) =>
        needed.has(name) ? [{ name, element: 'float32', dims }] : [],
      ),
    }
    const usesMicrosoft = kept.some(({ domain }) => domain === MICROSOFT)
    return { graph, opsets: { '': OPSET, ...(usesMicrosoft ? { [MICROSOFT]: 1 } : {}) } }
  }
}

/** Nodes that `needed` values come from, which what those read is added to. */
function* keeping(nodes: readonly NodeProto[], needed: Set<string>): Pieces<NodeProto[]> {
  const kept: NodeProto[] = []
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue
    kept.push(withoutUnused(node, needed))
    for (const name of node.inputs) needed.add(name)
    yield
  }
  return kept.reverse()
}

function withoutUnused(node: NodeProto, needed: ReadonlySet<string>): NodeProto {
  const { body } = node.attributes
  if (typeof body === 'object' && 'graph' in body) {
    // The engine wants all that a body gives.
    const outputs = node.outputs.filter((name) => needed.has(name))
    const graph = withOutputs(body.graph, (i) => needed.has(node.outputs[i] as string))
    return { ...node, outputs, attributes: { ...node.attributes, body: { graph } } }
  }
  const names = node.outputs.map((name) => (needed.has(name) ? name : ''))
  while (names.at(-1) === '') names.pop()
  return { ...node, outputs: names }
}

/** A body that gives some of its outputs, and computes nothing else. */
function withOutputs(graph: GraphProto, isWanted: (index: number) => boolean): GraphProto {
  const outputs = graph.outputs.filter((_, i) => isWanted(i))
  const needed = new Set(outputs.map(({ name }) => name))
  const nodes = atOnce(keeping(graph.nodes, needed))
  const initializers = graph.initializers.filter(({ name }) => needed.has(name))
  return { ...graph, nodes, initializers, outputs }
}
