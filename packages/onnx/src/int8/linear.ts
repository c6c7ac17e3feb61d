import { type GraphBuilder, MICROSOFT } from '../graph/builder'
import type { Int8Form } from './plan'

/** The largest byte. */
const LEVELS = 255
/** Of rows of one value, which have no range. */
const LEAST_STEP = 1e-30
/** Multiply in int8, activations rounded block by block. */
const INT8 = 4

interface Int8Product {
  readonly form: Int8Form
  readonly inputs: number
  readonly outputs: number
  /** Initializers of the layer's parts. */
  readonly parts: readonly string[]
  readonly bias?: string
}

/** x `[rows, in]` times an int8 weight. */
export function writeInt8Linear(graph: GraphBuilder, x: string, layer: Int8Product): string {
  const { form, inputs, outputs, parts, bias } = layer
  if (form.form === 'rows') return writeRows(graph, x, layer)
  const attributes = { K: inputs, N: outputs, bits: 8, block_size: form.size, accuracy_level: INT8 }
  const given = [x, ...parts, ...(bias === undefined ? [] : ['', '', bias])]
  return graph.node('MatMulNBits', given, attributes, MICROSOFT)
}

/** x = least + step * bytes in each row; what `least` adds is its product with the sums of the weight's rows. */
function writeRows(graph: GraphBuilder, x: string, { parts, bias }: Int8Product): string {
  const [values, scales, sums] = parts as [string, string, string]
  const alongRow = { axes: [-1], keepdims: 1 }
  const least = graph.node('ReduceMin', [x], alongRow)
  const range = graph.node('Sub', [graph.node('ReduceMax', [x], alongRow), least])
  const step = graph.node('Max', [graph.node('Mul', [range, graph.float(1 / LEVELS)]), graph.float(LEAST_STEP)])
  const steps = graph.node('Reshape', [step, graph.ints([-1])])
  const bytes = graph.node('QuantizeLinear', [graph.node('Sub', [x, least]), steps], { axis: 0 })
  const product = graph.node('MatMulIntegerToFloat', [bytes, values, graph.float(1), scales], {}, MICROSOFT)
  const offsets = graph.node('Gemm', [least, sums, ...(bias === undefined ? [] : [bias])])
  return graph.node('Add', [graph.node('Mul', [product, step]), offsets])
}
