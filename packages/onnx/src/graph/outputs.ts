import { atOnce, type Pieces } from '@dual-encoder/core/backend'
import { renamed } from './constants'
import { ELEMENT, type ModelProto, type NodeProto } from './proto'

/** An output that is never read (`withUnread`). */
export const UNREAD = 'unread'

/**
 * The model with outputs named where they are computed, not by an Identity behind: the engine copies there. What is an
 * input, a constant or two outputs at once keeps it.
 */
export const withoutLastCopies = (model: ModelProto): ModelProto => atOnce(leavingOutLastCopies(model))

export function* leavingOutLastCopies({ graph, opsets }: ModelProto): Pieces<ModelProto> {
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const isEnd = ({ op, outputs: [name] }: NodeProto) => op === 'Identity' && outputs.has(name as string)
  const computed = new Set<string>()
  for (const node of graph.nodes) {
    if (!isEnd(node)) for (const name of node.outputs) computed.add(name)
    yield
  }
  const names = new Map<string, string>()
  const gone = new Set<NodeProto>()
  for (const node of graph.nodes.filter(isEnd)) {
    const [source, name] = [node.inputs[0] as string, node.outputs[0] as string]
    if (!computed.has(source) || names.has(source)) continue
    names.set(source, name)
    gone.add(node)
  }
  const nodes: NodeProto[] = []
  for (const node of graph.nodes) {
    if (!gone.has(node)) nodes.push(renamed(node, names))
    yield
  }
  return { opsets, graph: { ...graph, nodes } }
}

/**
 * The model with a first output that onnxruntime-node cannot hand over: an empty sequence. What it has written into the
 * tensors that it was given for outputs it copies once more, output by output, unless an error ends it at the first
 * (`TensorStore`).
 */
export function withUnread({ graph, opsets }: ModelProto): ModelProto {
  const node: NodeProto = {
    op: 'SequenceEmpty',
    domain: '',
    inputs: [],
    outputs: [UNREAD],
    attributes: { dtype: ELEMENT.float32 },
  }
  const output = { name: UNREAD, isSequence: true, element: 'float32', dims: [] } as const
  return { opsets, graph: { ...graph, nodes: [node, ...graph.nodes], outputs: [output, ...graph.outputs] } }
}

/** Inputs of a graph, each used by a single node and once. */
export function readOnce({ graph }: ModelProto): Set<string> {
  const counts = new Map<string, number>()
  for (const { inputs } of graph.nodes) for (const name of inputs) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Set(graph.inputs.map(({ name }) => name).filter((name) => counts.get(name) === 1))
}
