import { type Activation, type Dim, tensor } from '@dual-encoder/core/backend'
import { writeBiasedActivation } from '../graph/activations'
import { type GraphBuilder, MICROSOFT } from '../graph/builder'
import { rowCount } from '../graph/dims'
import { ELEMENT } from '../graph/proto'
import { MIDDLE } from './forms'
import { hadamard, turnOf } from './hadamard'
import type { Int8Form } from './plan'
import type { Int8Part } from './weights'

/** The largest byte. */
const LEVELS = 255
/** The byte that stands for 0. */
const ZERO = 128
const ALONG_ROW = { axes: [-1], keepdims: 1 }
/** Multiply in int8, activations rounded block by block. */
const INT8 = 4

interface Int8Product {
  readonly form: Int8Form
  readonly rows: Dim
  readonly inputs: number
  readonly outputs: number
  /** Initializers of the layer's parts. */
  readonly parts: readonly string[]
  readonly bias?: string
  /** What is computed of the product and its bias. */
  readonly activation: Activation
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

/** The activation of x `[rows, in]` times an int8 weight. */
export function writeInt8Linear(graph: GraphBuilder, x: string, layer: Int8Product): string {
  const { form, bias, activation } = layer
  if (form.form === 'words') return writeBiasedActivation(graph, writeWords(graph, x, layer), bias, activation)
  if (form.form === 'rows' && form.outliers !== 'balanced')
    return writeBiasedActivation(graph, writeTurned(graph, x, layer), bias, activation)
  const product = form.form === 'rows' ? writeRows(graph, x, layer) : writeBlocks(graph, x, form.size, layer)
  return writeBiasedActivation(graph, product, undefined, activation)
}

function writeBlocks(graph: GraphBuilder, x: string, size: number, layer: Int8Product): string {
  const { inputs, outputs, parts, bias } = layer
  const attributes = { K: inputs, N: outputs, bits: 8, block_size: size, accuracy_level: INT8 }
  const given = [x, ...parts, ...(bias === undefined ? [] : ['', '', bias])]
  return graph.node('MatMulNBits', given, attributes, MICROSOFT)
}

/**
 * x = step * (bytes - `MIDDLE`) in each row, turned as the weight's rows are; what is taken off the bytes is in `offsets`.
 * Without the bias.
 */
function writeTurned(graph: GraphBuilder, x: string, { rows, inputs, parts }: Int8Product): string {
  const [values, scales, offsets] = parts as [string, string, string]
  const { bytes, step } = graph.once(`turned ${x}`, () => {
    const size = turnOf(inputs)
    const apart = graph.reshape(x, ints(graph, -1, size), [rowCount([rows, inputs / size, size]), size])
    const product = graph.node('MatMul', [apart, graph.tensor(hadamard(size))])
    const turned = graph.reshape(product, ints(graph, -1, inputs), [rows, inputs])
    const { positive, step } = writePositive(graph, turned)
    return { bytes: writeBytes(graph, positive, step, rows), step }
  })
  return graph.node('Mul', [writeProduct(graph, [bytes, values, scales, offsets]), step])
}

/**
 * x = step * (bytes - `MIDDLE`) + fine * (rest - `MIDDLE`) in each row, and the weight likewise, but for the product of either's
 * rest. Without the bias.
 */
function writeWords(graph: GraphBuilder, x: string, { rows, parts }: Int8Product): string {
  const [values, scales, offsets, ...ofRest] = parts as [string, string, string, ...string[]]
  const { positive, step } = writePositive(graph, x)
  const bytes = writeBytes(graph, positive, step, rows)
  const made = graph.node('DequantizeLinear', [bytes, graph.reshape(step, ints(graph, -1), [rows])], { axis: 0 })
  const half = graph.node('Mul', [step, float(graph, 0.5)])
  const fine = graph.node('Mul', [step, float(graph, 1 / LEVELS)])
  const rest = writeBytes(graph, graph.node('Add', [graph.node('Sub', [positive, made]), half]), fine, rows)
  // The engine keeps the whole steps of the weight once for both.
  const stacked = writeProduct(graph, [graph.node('Concat', [bytes, rest], { axis: 0 }), values, scales, offsets])
  const [ofBytes, ofFine] = graph.nodeWithOutputs('Split', [stacked], [true, true], { axis: 0 }) as [string, string]
  const coarse = graph.node('Add', [ofBytes, writeProduct(graph, [bytes, ...ofRest])])
  return graph.node('Add', [graph.node('Mul', [coarse, step]), graph.node('Mul', [ofFine, fine])])
}

/** x with the largest absolute value of each row added, and what that is in steps of 255 to twice as much. */
function writePositive(graph: GraphBuilder, x: string): { readonly positive: string; readonly step: string } {
  const largest = graph.node('ReduceMax', [graph.node('Abs', [x])], ALONG_ROW)
  return { positive: graph.node('Add', [x, largest]), step: graph.node('Mul', [largest, float(graph, 1 / MIDDLE)]) }
}

/** x = least + step * bytes in each row; what `least` adds is its product with the sums of the weight's rows. */
function writeRows(graph: GraphBuilder, x: string, { rows, parts, least: known }: Int8Product): string {
  const [values, scales, added] = parts as [string, string, string]
  const { bytes, step, beside } = graph.once(`rows ${x}`, () => {
    const least = known === undefined ? graph.node('ReduceMin', [x], ALONG_ROW) : graph.float(known)
    const range = graph.node('Sub', [graph.node('ReduceMax', [x], ALONG_ROW), least])
    const step = graph.node('Mul', [range, float(graph, 1 / LEVELS)])
    // Of sums and biases alike: a kernel that is given a bias first writes that to every row, on one thread.
    const beside =
      known === undefined
        ? graph.node('Pad', [least, ints(graph, 0, 0, 0, 1), float(graph, 1)])
        : graph.tensor(tensor(Float32Array.of(known, 1), [1, 2]))
    return { bytes: writeBytes(graph, graph.node('Sub', [x, least]), step, rows), step, beside }
  })
  const scaled = graph.node('Mul', [writeProduct(graph, [bytes, values, scales]), step])
  return graph.node('Add', [scaled, graph.node('MatMul', [beside, added])])
}

/** Constants that depend on nothing else, once for all layers: there are hundreds, which take time to write and to tell apart. */
const ints = (graph: GraphBuilder, ...values: readonly number[]): string =>
  graph.once(`ints ${values.join()}`, () => graph.ints(values))
const float = (graph: GraphBuilder, value: number): string => graph.once(`float ${value}`, () => graph.float(value))

/** Rows of values from 0 on, each in steps of its own; a row of zeros has steps of 0, and its bytes count for nothing. */
const writeBytes = (graph: GraphBuilder, x: string, step: string, rows: Dim): string =>
  graph.node('QuantizeLinear', [x, graph.reshape(step, ints(graph, -1), [rows])], { axis: 0 })

/** Bytes times int8, times a scale for each column; what is added to a column comes after its scale. */
function writeProduct(graph: GraphBuilder, [bytes, values, scales, added]: readonly string[]): string {
  const given = [bytes, values, float(graph, 1), scales, ...(added === undefined ? [] : ['', '', added])] as string[]
  return graph.node('MatMulIntegerToFloat', given, {}, MICROSOFT)
}
