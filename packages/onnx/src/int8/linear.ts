import type { Activation, Dim } from '@dual-encoder/core/backend'
import { writeBiasedActivation } from '../graph/activations'
import { type GraphBuilder, MICROSOFT } from '../graph/builder'
import { CONSTANT } from '../graph/constants'
import { rowCount } from '../graph/dims'
import { ELEMENT } from '../graph/proto'
import { ZERO, zeroColumns } from './forms'
import { hadamard, turnOf } from './hadamard'
import { type Int8Element, type Int8Form, isEven } from './plan'
import type { Int8Part } from './weights'

/** The largest byte. */
const LEVELS = 255
const OF_ROW = { axes: [-1], keepdims: 0 }

interface Int8Product {
  readonly form: Int8Form
  /** Of the weight's values. */
  readonly element: Int8Element
  readonly rows: Dim
  readonly inputs: number
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
  const write = form.form === 'words' ? writeWords : isEven(form) ? writeRows : writeTurned
  return writeBiasedActivation(graph, write(graph, x, layer), bias, activation)
}

/**
 * x = step * (bytes - `ZERO`) in each row, turned as the weight's rows are; what takes `ZERO` off is the last part.
 * Without the bias.
 */
function writeTurned(graph: GraphBuilder, x: string, { element, rows, inputs, parts }: Int8Product): string {
  const { bytes, step } = graph.once(`turned ${x}`, () => {
    const size = turnOf(inputs)
    const apart = graph.reshape(x, ints(graph, -1, size), [rowCount([rows, inputs / size, size]), size])
    const product = graph.node('MatMul', [apart, graph.tensor(hadamard(size))])
    const turned = graph.reshape(product, ints(graph, -1, inputs), [rows, inputs])
    return writeAroundZero(graph, turned, rows)
  })
  return writeSteps(graph, writeProduct(graph, element, [bytes, ...parts]), step, rows)
}

/**
 * x = step * (bytes - `ZERO`) + fine * (rest - `ZERO`) in each row, and the weight likewise, but for the product of either's
 * rest. Without the bias.
 */
function writeWords(graph: GraphBuilder, x: string, { element, rows, parts }: Int8Product): string {
  const [values, scales, offsets, ...ofRest] = parts as [string, string, string, ...string[]]
  const { bytes, step, zeros } = writeAroundZero(graph, x, rows)
  const made = graph.node('DequantizeLinear', [bytes, step, zeros], { axis: 0 })
  const fine = graph.node('Mul', [step, float(graph, 1 / LEVELS)])
  const rest = writeBytes(graph, graph.node('Sub', [x, made]), fine, zeros)
  // The engine keeps the whole steps of the weight once for both.
  const stacked = writeProduct(graph, element, [
    graph.node('Concat', [bytes, rest], { axis: 0 }),
    values,
    scales,
    offsets,
  ])
  const [ofBytes, ofFine] = graph.nodeWithOutputs('Split', [stacked], [true, true], { axis: 0 }) as [string, string]
  const coarse = graph.node('Add', [ofBytes, writeProduct(graph, element, [bytes, ...ofRest])])
  return graph.node('Add', [writeSteps(graph, coarse, step, rows), writeSteps(graph, ofFine, fine, rows)])
}

/** Rows in steps of 255 to twice their largest absolute value, whose byte for 0 is `ZERO`. */
function writeAroundZero(graph: GraphBuilder, x: string, rows: Dim) {
  const least = graph.node('ReduceMin', [x], OF_ROW)
  const largest = graph.node('Max', [graph.node('ReduceMax', [x], OF_ROW), graph.node('Neg', [least])])
  const step = graph.node('Mul', [largest, float(graph, 2 / LEVELS)])
  const zeros = graph.once(`zeros ${rows}`, () => writeZeros(graph, step))
  return { bytes: writeBytes(graph, x, step, zeros), step, zeros }
}

/**
 * x = step * (bytes - zero) in each row, zero a byte of its own. It comes in so many columns behind the row's that the weight
 * has small values for them, whose product with it takes off what it adds (`rowsOf`).
 */
function writeRows(graph: GraphBuilder, x: string, { element, rows, inputs, parts, least }: Int8Product): string {
  const { bytes, step } = graph.once(`rows ${x}`, () => {
    const most = graph.node('Max', [graph.node('ReduceMax', [x], OF_ROW), float(graph, 0)])
    const lowest =
      least === undefined
        ? graph.node('Min', [graph.node('ReduceMin', [x], OF_ROW), float(graph, 0)])
        : float(graph, least)
    const range = graph.node('Sub', [most, lowest])
    const step = graph.node('Mul', [range, float(graph, 1 / LEVELS)])
    const zeros = graph.node('QuantizeLinear', [graph.node('Sub', [range, most]), step], { axis: 0 })
    const behind = graph.node('Expand', [
      graph.node('Reshape', [zeros, ints(graph, -1, 1)]),
      ints(graph, 1, zeroColumns(inputs)),
    ])
    return { bytes: graph.node('Concat', [writeBytes(graph, x, step, zeros), behind], { axis: 1 }), step }
  })
  return writeSteps(graph, writeProduct(graph, element, [bytes, ...parts]), step, rows)
}

/** `ZERO` for each row. */
function writeZeros(graph: GraphBuilder, rows: string): string {
  return graph.node('Expand', [writeZero(graph), graph.node('Shape', [rows])])
}

const writeZero = (graph: GraphBuilder): string =>
  graph.once('zero', () =>
    graph.initializer({ name: `${CONSTANT}zero`, element: 'uint8', dims: [1], data: Uint8Array.of(ZERO) }),
  )

/** Constants that depend on nothing else, once for all layers: there are hundreds, which take time to write and to tell apart. */
const ints = (graph: GraphBuilder, ...values: readonly number[]): string =>
  graph.once(`ints ${values.join()}`, () => graph.ints(values))
const float = (graph: GraphBuilder, value: number): string => graph.once(`float ${value}`, () => graph.float(value))

/** Rows in steps and with a zero of their own; a row of zeros has steps of 0, and its bytes count for nothing. */
const writeBytes = (graph: GraphBuilder, x: string, step: string, zeros: string): string =>
  graph.node('QuantizeLinear', [x, step, zeros], { axis: 0 })

/** Bytes times steps of a weight, times a scale for each column; what is added to a column comes after its scale. */
function writeProduct(
  graph: GraphBuilder,
  element: Int8Element,
  [bytes = '', values = '', scales = '', added = '']: readonly string[],
): string {
  const zero = element === 'uint8' ? writeZero(graph) : ''
  const given = [bytes, values, float(graph, 1), scales, '', zero, added]
  return graph.node('MatMulIntegerToFloat', given, {}, MICROSOFT)
}

/** Rows of a product times the steps of the bytes that it is of. */
function writeSteps(graph: GraphBuilder, product: string, step: string, rows: Dim): string {
  const column = graph.once(`column ${step}`, () => graph.reshape(step, ints(graph, -1, 1), [rows, 1]))
  return graph.node('Mul', [product, column])
}
