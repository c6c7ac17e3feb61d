import type { GraphBuilder } from './builder'

/** Values of a matrix of ones and zeros that adds rows up: 16 MB. */
const LARGEST_ONE_HOT = 2 ** 22

/** A 1 at the index, 0 elsewhere, `length` (a node of one number) of them along a new axis. */
export function writeOneHot(graph: GraphBuilder, index: string, length: string, axis: number): string {
  const values = graph.tensor({ dims: [2], dtype: 'float32', data: Float32Array.of(0, 1) })
  return graph.node('OneHot', [index, length, values], { axis })
}

/**
 * Rows `[N, width]` added to those of zeros `[count, width]` that the index `[N]` names.
 * @param length N; NaN where it is not known
 */
export function writeScatterAdd(
  graph: GraphBuilder,
  rows: string,
  index: string,
  { length, count, width }: { readonly length: number; readonly count: number; readonly width: number },
): string {
  // A product has all threads, and scattering has one.
  if (length * count <= LARGEST_ONE_HOT)
    return graph.node('MatMul', [writeOneHot(graph, index, graph.ints([count]), 0), rows])
  // ScatterND adds repeated indices wrongly with several threads (ONNX Runtime 1.30 to 1.32); ScatterElements does not.
  const column = graph.node('Reshape', [index, graph.ints([-1, 1])])
  const indices = graph.node('Expand', [column, graph.node('Shape', [rows])])
  const zeros = graph.node('ConstantOfShape', [graph.ints([count, width])])
  return graph.node('ScatterElements', [zeros, indices, rows], { axis: 0, reduction: 'add' })
}
