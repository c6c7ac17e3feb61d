import { type Tensor, tensor } from '../../base/tensor'
import type { Primitives } from '../ops'

type Matrix = Tensor<'float32'>

/**
 * `logits_per_text` `[texts, images]` of embeddings, rows of length 1: their cosines times exp(logitScale), and the bias
 * where the family has one.
 */
export function logitsOf<T>(
  ops: Pick<Primitives<T>, 'matMul' | 'exp' | 'mul' | 'add'>,
  textEmbeds: T,
  imageEmbeds: T,
  logitScale: T,
  logitBias?: T,
): T {
  const logits = ops.mul(ops.matMul(textEmbeds, imageEmbeds, { transposeB: true }), ops.exp(logitScale))
  return logitBias === undefined ? logits : ops.add(logits, logitBias)
}

const map = ({ data, dims }: Matrix, f: (value: number) => number): Matrix => tensor(data.map(f), dims)
const scalarOf = ({ data }: Matrix): number => data[0] as number

/** `logitsOf` on the host, summed in float64. */
export const hostLogits = (textEmbeds: Matrix, imageEmbeds: Matrix, logitScale: Matrix, logitBias?: Matrix): Matrix =>
  logitsOf<Matrix>(
    {
      matMul: products,
      exp: (x) => map(x, Math.exp),
      mul: (x, y) => map(x, (value) => value * scalarOf(y)),
      add: (x, y) => map(x, (value) => value + scalarOf(y)),
    },
    textEmbeds,
    imageEmbeds,
    logitScale,
    logitBias,
  )

/** `[m, k]` x `[n, k]`ᵀ -> `[m, n]` */
function products(a: Matrix, b: Matrix): Matrix {
  const [m, n, k] = [a.dims[0] ?? 0, b.dims[0] ?? 0, a.dims[1] ?? 1]
  const data = new Float32Array(m * n)
  for (let i = 0; i < m; i++) {
    const row = a.data.subarray(i * k, (i + 1) * k)
    for (let j = 0; j < n; j++) {
      const at = j * k
      let sum = 0
      for (let l = 0; l < k; l++) sum += (row[l] as number) * (b.data[at + l] as number)
      data[i * n + j] = sum
    }
  }
  return tensor(data, [m, n])
}

/** `[m, n]` -> `[n, m]` */
export function transposed(x: Matrix): Matrix {
  const [m, n] = [x.dims[0] ?? 0, x.dims[1] ?? 1]
  const data = new Float32Array(m * n)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) data[j * m + i] = x.data[i * n + j] as number
  return tensor(data, [n, m])
}
