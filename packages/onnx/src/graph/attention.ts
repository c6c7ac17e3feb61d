import { type GraphBuilder, MICROSOFT } from './builder'

/** What transformers adds to the scores of padding: the lowest float32. */
export const MASKED = -3.4028234663852886e38

/** What is so far below the largest score of its row counts for nothing, and has a power of e that float32 holds. */
const FLOOR = -80

interface Heads {
  readonly heads: number
  readonly headSize: number
  readonly scale: number
  /** Added to the scores. */
  readonly bias?: string
  /** Float32 `[B, Lk]`: 0 where nothing is. */
  readonly keyMask?: string
  readonly causal?: boolean
  /** No score lies further below the largest of its row than `FLOOR`; by a product of ONNX Runtime's own. */
  readonly isFloored?: boolean
  /** Names of the lengths of queries and keys: what has the same is masked alike. */
  readonly lengths: string
}

/**
 * softmax(q kᵀ * scale + bias + mask) v, step by step.
 * @param values q, k and v, `[B, L, heads * headSize]`
 */
export function writeAttention(
  graph: GraphBuilder,
  [q, k, v]: readonly [string, string, string],
  { heads, headSize, scale, bias, keyMask, causal, isFloored, lengths }: Heads,
): { context: string; probs: string } {
  const split = (x: string, perm: readonly number[]) =>
    graph.node('Transpose', [graph.node('Reshape', [x, graph.ints([0, 0, heads, headSize])])], { perm })
  const queries = split(q, [0, 2, 1, 3])
  let scores = isFloored
    ? graph.node('FusedMatMul', [queries, split(k, [0, 2, 1, 3])], { transB: 1, alpha: { float: scale } }, MICROSOFT)
    : graph.node('Mul', [graph.node('MatMul', [queries, split(k, [0, 2, 3, 1])]), graph.float(scale)])
  if (bias !== undefined) scores = graph.node('Add', [scores, bias])
  if (keyMask !== undefined || causal) {
    const mask = () => writeMask(graph, scores, keyMask, causal)
    scores = graph.node('Add', [scores, graph.once(`mask ${keyMask} ${causal} ${lengths}`, mask)])
  }
  if (isFloored) {
    const floor = graph.node('Add', [graph.node('ReduceMax', [scores], { axes: [-1] }), graph.float(FLOOR)])
    scores = graph.node('Max', [scores, floor])
  }
  const probs = graph.node('Softmax', [scores], { axis: -1 })
  const attended = graph.node('MatMul', [probs, split(v, [0, 2, 1, 3])])
  const joined = graph.node('Transpose', [attended], { perm: [0, 2, 1, 3] })
  return { context: graph.node('Reshape', [joined, graph.ints([0, 0, heads * headSize])]), probs }
}

/** `MASKED` where a float32 mask has 0, and 0 where it has 1. */
export const writePadding = (graph: GraphBuilder, mask: string): string =>
  graph.node('Mul', [graph.node('Sub', [graph.float(1), mask]), graph.float(MASKED)])

/** What is added to scores: broadcast to them, and never below `MASKED`. */
function writeMask(graph: GraphBuilder, scores: string, keyMask?: string, causal?: boolean): string {
  const lowest = graph.float(MASKED)
  const later = () => {
    const square = graph.node('Expand', [lowest, graph.node('Shape', [scores], { start: 2 })])
    return graph.node('Trilu', [square, graph.ints([1], true)], { upper: 1 })
  }
  if (keyMask === undefined) return later()
  const apart = graph.node('Unsqueeze', [writePadding(graph, keyMask), graph.ints([1, 2])])
  return causal ? graph.node('Max', [graph.node('Add', [apart, later()]), lowest]) : apart
}
