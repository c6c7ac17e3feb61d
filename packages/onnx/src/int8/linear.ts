import { type GraphBuilder, MICROSOFT } from '../graph/builder'
import { ELEMENT } from '../graph/proto'
import { hadamard, turnOf } from './hadamard'
import type { Int8Form } from './plan'
import type { Int8Part } from './weights'

/** The largest byte. */
const LEVELS = 255
/** The byte that stands for 0. */
const ZERO = 128
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
  /** No value of x is below it. */
  readonly least?: number
}

/**
 * float32 of rows that were looked up in a table.
 * @param rows values and scales
 * @param parts of the table
 * @param rank of what they were looked up by
 */
export function writeInt8Rows(
  graph: GraphBuilder,
  [values, scales]: readonly string[],
  [{ element, shape }, { shape: ofScales }]: readonly [Int8Part, Int8Part],
  rank: number,
): string {
  const numbers = graph.node('Cast', [values as string], { to: ELEMENT.float32 })
  const centred = element === 'uint8' ? graph.node('Sub', [numbers, graph.float(ZERO)]) : numbers
  const groups = ofScales[1] as number
  if (groups === 1) return graph.node('Mul', [centred, scales as string])
  const leading = Array<number>(rank).fill(0)
  const inGroups = (x: string, size: number) => graph.node('Reshape', [x, graph.ints([...leading, groups, size])])
  const product = graph.node('Mul', [inGroups(centred, -1), inGroups(scales as string, 1)])
  return graph.node('Reshape', [product, graph.ints([...leading, shape[1] as number])])
}

/** x `[rows, in]` times an int8 weight. */
export function writeInt8Linear(graph: GraphBuilder, x: string, layer: Int8Product): string {
  const { form, inputs, outputs, parts, bias } = layer
  if (form.form === 'rows') {
    if (form.outliers === 'balanced') return writeRows(graph, x, layer)
    return writeRows(graph, turnedRows(graph, x, inputs), { ...layer, least: undefined })
  }
  const attributes = { K: inputs, N: outputs, bits: 8, block_size: form.size, accuracy_level: INT8 }
  const given = [x, ...parts, ...(bias === undefined ? [] : ['', '', bias])]
  return graph.node('MatMulNBits', given, attributes, MICROSOFT)
}

/** What undoes in the product that the weight's rows were turned. */
function turnedRows(graph: GraphBuilder, x: string, inputs: number): string {
  const size = turnOf(inputs)
  const parts = graph.node('Reshape', [x, graph.ints([-1, size])])
  return graph.node('Reshape', [graph.node('MatMul', [parts, graph.tensor(hadamard(size))]), graph.ints([-1, inputs])])
}

/**
 * x = least + step * bytes in each row; what `least` adds is its product with the sums of the weight's rows. Where an
 * activation says what is least it is the same for all rows, and so is what it adds.
 */
function writeRows(graph: GraphBuilder, x: string, { parts, bias, least: known }: Int8Product): string {
  const [values, scales, sums] = parts as [string, string, string]
  const alongRow = { axes: [-1], keepdims: 1 }
  const least = known === undefined ? graph.node('ReduceMin', [x], alongRow) : graph.float(known)
  const range = graph.node('Sub', [graph.node('ReduceMax', [x], alongRow), least])
  const step = graph.node('Max', [graph.node('Mul', [range, graph.float(1 / LEVELS)]), graph.float(LEAST_STEP)])
  const steps = graph.node('Reshape', [step, graph.ints([-1])])
  const bytes = graph.node('QuantizeLinear', [graph.node('Sub', [x, least]), steps], { axis: 0 })
  const product = graph.node('MatMulIntegerToFloat', [bytes, values, graph.float(1), scales], {}, MICROSOFT)
  const scaled = graph.node('Mul', [product, step])
  const same = known === undefined ? undefined : graph.node('Mul', [sums, least])
  if (bias === undefined) return graph.node('Add', [scaled, same ?? graph.node('MatMul', [least, sums])])
  if (same !== undefined) return graph.node('Add', [scaled, graph.node('Add', [same, bias])])
  // Both in one product: a kernel that is given a bias first writes that to every row, on one thread.
  const beside = graph.node('Pad', [least, graph.ints([0, 0, 0, 1]), graph.float(1)])
  const rows = graph.node('Concat', [sums, graph.node('Reshape', [bias, graph.ints([1, -1])])], { axis: 0 })
  return graph.node('Add', [scaled, graph.node('MatMul', [beside, rows])])
}
