import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { atOnce, type Pieces } from '@dual-encoder/core/backend'

/** The part of onnx.proto that a graph of ours needs, as plain values. Field numbers are those of onnx.proto3. */
export interface ModelProto {
  readonly graph: GraphProto
  /** Version of each operator domain. */
  readonly opsets: Readonly<Record<string, number>>
}
export interface GraphProto {
  readonly name: string
  readonly nodes: readonly NodeProto[]
  readonly initializers: readonly TensorProto[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** Values in between whose sizes are noted (`GraphBuilder.reshape`). */
  readonly values: readonly ValueInfo[]
}
export interface NodeProto {
  readonly op: string
  readonly domain: string
  /** '' stands for an optional value that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}
/** A float attribute is wrapped, since 1 and 1.0 are one number here. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  /** A body, which operators such as Scan run again and again. */
  | { readonly graph: GraphProto }

export const ELEMENT = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 } as const
export type Element = keyof typeof ELEMENT

export interface TensorProto {
  readonly name: string
  readonly element: Element
  readonly dims: readonly number[]
  /** Its little-endian bytes, or where they lie. */
  readonly data: Uint8Array | { readonly location: string; readonly offset: number; readonly length: number }
}
export interface ValueInfo {
  readonly name: string
  /** Of a sequence of tensors. */
  readonly isSequence?: boolean
  readonly element: Element
  readonly dims: readonly (number | string)[]
}

const IR_VERSION = 8
const EXTERNAL = 1

const message = (writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void => {
  writer.tag(field, WireType.LengthDelimited).fork()
  write(writer)
  writer.join()
}
const text = (writer: BinaryWriter, field: number, value: string): void =>
  void writer.tag(field, WireType.LengthDelimited).string(value)
const int = (writer: BinaryWriter, field: number, value: number): void => {
  const to = writer.tag(field, WireType.Varint)
  // The same bytes, sooner.
  if (value === (value | 0)) to.int32(value)
  else to.int64(value)
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name)
  const type = (kind: number) => int(writer, 20, kind)
  if (typeof value === 'number') {
    int(writer, 3, value)
    type(2)
  } else if (typeof value === 'string') {
    text(writer, 4, value)
    type(3)
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float)
    type(1)
  } else if ('graph' in value) {
    message(writer, 6, (inner) => atOnce(writingGraph(inner, value.graph)))
    type(5)
  } else {
    for (const item of value) int(writer, 8, item)
    type(7)
  }
}

function writeNode(writer: BinaryWriter, node: NodeProto): void {
  for (const name of node.inputs) text(writer, 1, name)
  for (const name of node.outputs) text(writer, 2, name)
  text(writer, 4, node.op)
  for (const [name, value] of Object.entries(node.attributes)) message(writer, 5, (w) => writeAttribute(w, name, value))
  if (node.domain) text(writer, 7, node.domain)
}

function writeTensor(writer: BinaryWriter, { name, element, dims, data }: TensorProto): void {
  for (const dim of dims) int(writer, 1, dim)
  int(writer, 2, ELEMENT[element])
  text(writer, 8, name)
  if (data instanceof Uint8Array) {
    writer.tag(9, WireType.LengthDelimited).bytes(data)
    return
  }
  for (const [key, value] of Object.entries(data))
    message(writer, 13, (w) => {
      text(w, 1, key)
      text(w, 2, String(value))
    })
  int(writer, 14, EXTERNAL)
}

function writeValueInfo(writer: BinaryWriter, { name, isSequence, element, dims }: ValueInfo): void {
  const tensor = (type: BinaryWriter) =>
    message(type, 1, (w) => {
      int(w, 1, ELEMENT[element])
      message(w, 2, (shape) => {
        for (const dim of dims) message(shape, 1, (d) => (typeof dim === 'number' ? int(d, 1, dim) : text(d, 2, dim)))
      })
    })
  text(writer, 1, name)
  message(writer, 2, (type) => (isSequence ? message(type, 4, (w) => message(w, 1, tensor)) : tensor(type)))
}

function* writingGraph(writer: BinaryWriter, graph: GraphProto): Pieces<void> {
  for (const node of graph.nodes) {
    message(writer, 1, (inner) => writeNode(inner, node))
    yield
  }
  text(writer, 2, graph.name)
  for (const tensor of graph.initializers) message(writer, 5, (inner) => writeTensor(inner, tensor))
  for (const value of graph.inputs) message(writer, 11, (inner) => writeValueInfo(inner, value))
  for (const value of graph.outputs) message(writer, 12, (inner) => writeValueInfo(inner, value))
  for (const value of graph.values) message(writer, 13, (inner) => writeValueInfo(inner, value))
  yield
}

/** An ONNX file. */
export const serialize = (model: ModelProto): Uint8Array => atOnce(serializing(model))

export function* serializing({ graph, opsets }: ModelProto): Pieces<Uint8Array> {
  const writer = new BinaryWriter()
  int(writer, 1, IR_VERSION)
  text(writer, 2, 'dual-encoder')
  writer.tag(7, WireType.LengthDelimited).fork()
  yield* writingGraph(writer, graph)
  writer.join()
  for (const [domain, version] of Object.entries(opsets))
    message(writer, 8, (w) => {
      text(w, 1, domain)
      int(w, 2, version)
    })
  return writer.finish()
}
