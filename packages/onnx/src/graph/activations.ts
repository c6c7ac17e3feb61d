import type { Activation } from '@dual-encoder/core/backend'
import { type Kernels, onProcessor } from './kernels'
import { type GraphBuilder, MICROSOFT } from './builder'

type Write = (graph: GraphBuilder, x: string) => string

const gelu: Write = (graph, x) => {
  const erf = graph.node('Erf', [graph.node('Mul', [x, graph.float(Math.SQRT1_2)])])
  return graph.node('Mul', [graph.node('Mul', [x, graph.float(0.5)]), graph.node('Add', [erf, graph.float(1)])])
}

const geluTanh: Write = (graph, x) => {
  const cube = graph.node('Mul', [graph.node('Mul', [x, x]), x])
  const inner = graph.node('Add', [x, graph.node('Mul', [cube, graph.float(0.044715)])])
  const tanh = graph.node('Tanh', [graph.node('Mul', [inner, graph.float(Math.sqrt(2 / Math.PI))])])
  return graph.node('Mul', [graph.node('Mul', [x, graph.float(0.5)]), graph.node('Add', [tanh, graph.float(1)])])
}

const timesSigmoid =
  (factor: number): Write =>
  (graph, x) =>
    graph.node('Mul', [x, graph.node('Sigmoid', [factor === 1 ? x : graph.node('Mul', [x, graph.float(factor)])])])

const clip = (graph: GraphBuilder, x: string, low: number, high: number): string =>
  graph.node('Clip', [x, graph.float(low), graph.float(high)])

const one =
  (op: string): Write =>
  (graph, x) =>
    graph.node(op, [x])

/** Every activation in operators of the ONNX standard. */
const STANDARD: Readonly<Record<Activation, Write>> = {
  gelu,
  gelu_tanh: geluTanh,
  gelu_10: (graph, x) => clip(graph, gelu(graph, x), -10, 10),
  quick_gelu: timesSigmoid(1.702),
  hardswish: one('HardSwish'),
  laplace: (graph, x) => {
    const shifted = graph.node('Sub', [x, graph.float(0.707107)])
    const erf = graph.node('Erf', [graph.node('Div', [shifted, graph.float(0.282095 * Math.SQRT2)])])
    return graph.node('Mul', [graph.node('Add', [erf, graph.float(1)]), graph.float(0.5)])
  },
  relu: one('Relu'),
  relu2: (graph, x) => {
    const relu = graph.node('Relu', [x])
    return graph.node('Mul', [relu, relu])
  },
  relu6: (graph, x) => clip(graph, x, 0, 6),
  leaky_relu: (graph, x) => graph.node('LeakyRelu', [x], { alpha: { float: 0.01 } }),
  silu: timesSigmoid(1),
  mish: (graph, x) => graph.node('Mul', [x, graph.node('Tanh', [graph.node('Softplus', [x])])]),
  sigmoid: one('Sigmoid'),
  sqrtsoftplus: (graph, x) => graph.node('Sqrt', [graph.node('Softplus', [x])]),
  tanh: one('Tanh'),
  linear: (_graph, x) => x,
}

/** ONNX Runtime's own kernels, where they are faster. */
const FUSED: Partial<Record<Activation, Write>> = {
  gelu: (graph, x) => graph.node('Gelu', [x], {}, MICROSOFT),
  quick_gelu: (graph, x) => graph.node('QuickGelu', [x], { alpha: { float: 1.702 } }, MICROSOFT),
}

/** On its processor providers besides. */
const OF_PROCESSOR: Partial<Record<Activation, Write>> = {
  ...FUSED,
  gelu_tanh: (graph, x) => graph.node('FastGelu', [x], {}, MICROSOFT),
}

const fusedBy = (kernels: Kernels): Partial<Record<Activation, Write>> => {
  if (kernels === 'standard') return {}
  return onProcessor(kernels) ? OF_PROCESSOR : FUSED
}

export function writeActivation(graph: GraphBuilder, x: string, name: Activation, kernels: Kernels): string {
  return (fusedBy(kernels)[name] ?? STANDARD[name])(graph, x)
}

/** Those that add a bias in the same pass. */
const BIASED: Partial<Record<Activation, string>> = { gelu: 'BiasGelu', gelu_tanh: 'FastGelu' }

/** Of x and a bias, by ONNX Runtime's own kernels for its processor. */
export function writeBiasedActivation(
  graph: GraphBuilder,
  x: string,
  bias: string | undefined,
  name: Activation,
): string {
  const op = BIASED[name]
  if (bias !== undefined && op) return graph.node(op, [x, bias], {}, MICROSOFT)
  return writeActivation(graph, bias === undefined ? x : graph.node('Add', [x, bias]), name, 'cpu')
}

/** What no value of an activation is below, where that is near 0. */
export const LEAST: Partial<Record<Activation, number>> = {
  gelu: -0.17,
  gelu_tanh: -0.1701,
  quick_gelu: -0.1637,
  silu: -0.2785,
  relu: 0,
  relu2: 0,
  relu6: 0,
}
