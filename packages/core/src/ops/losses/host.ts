import { type Tensor, tensor } from '../../base/tensor'
import type { LossOps } from './losses'

type Matrix = Tensor<'float32'>

const map = (x: Matrix, f: (value: number) => number): Matrix => tensor(x.data.map(f), x.dims)

function zip(a: Matrix, b: Matrix, f: (x: number, y: number) => number): Matrix {
  if (b.data.length === 1) return map(a, (x) => f(x, b.data[0] as number))
  return tensor(
    a.data.map((x, i) => f(x, b.data[i] as number)),
    a.dims,
  )
}

const columnsOf = ({ dims }: Matrix): number => dims[1] ?? 1

/** The losses' ops on host tensors, summed in float64. */
export const hostLossOps: LossOps<Matrix> = {
  rows: ({ dims }) => dims[0] ?? 1,
  matMulTransposed(a, b) {
    const [m, n, k] = [a.dims[0] ?? 0, b.dims[0] ?? 0, columnsOf(a)]
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
  },
  transposed(x) {
    const [m, n] = [x.dims[0] ?? 0, columnsOf(x)]
    const data = new Float32Array(m * n)
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) data[j * m + i] = x.data[i * n + j] as number
    return tensor(data, [n, m])
  },
  exp: (x) => map(x, Math.exp),
  add: (a, b) => zip(a, b, (x, y) => x + y),
  sub: (a, b) => zip(a, b, (x, y) => x - y),
  mul: (a, b) => zip(a, b, (x, y) => x * y),
  scale: (x, factor) => map(x, (value) => value * factor),
  logSoftmax(x) {
    const [m, n] = [x.dims[0] ?? 0, columnsOf(x)]
    const data = new Float32Array(m * n)
    for (let i = 0; i < m; i++) {
      const row = x.data.subarray(i * n, (i + 1) * n)
      const max = row.reduce((a, b) => Math.max(a, b), -Infinity)
      let sum = 0
      for (const value of row) sum += Math.exp(value - max)
      const log = Math.log(sum)
      row.forEach((value, j) => (data[i * n + j] = value - max - log))
    }
    return tensor(data, [m, n])
  },
  logSigmoid: (x) => map(x, (value) => Math.min(value, 0) - Math.log1p(Math.exp(-Math.abs(value)))),
  diagonal(x) {
    const n = columnsOf(x)
    return tensor(
      Float32Array.from({ length: n }, (_, i) => x.data[i * n + i] as number),
      [n],
    )
  },
  pairSigns: (n) =>
    tensor(
      Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : -1)),
      [n, n],
    ),
  centred(x) {
    const [m, n] = [x.dims[0] ?? 0, columnsOf(x)]
    const means = new Float64Array(n)
    x.data.forEach((value, i) => (means[i % n]! += value / m))
    return tensor(
      x.data.map((value, i) => value - means[i % n]!),
      x.dims,
    )
  },
  mean: (x) => tensor(new Float32Array([x.data.reduce((a, b) => a + b, 0) / x.data.length]), []),
  sum: (x) => tensor(new Float32Array([x.data.reduce((a, b) => a + b, 0)]), []),
}
