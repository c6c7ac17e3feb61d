import { tensor } from '../../base/tensor'
import { softplus } from '../autodiff/activations'
import type { Primitives } from '../ops'
import type { LossOps } from './losses'

/** A matrix of `[n, n]` with one value on the diagonal and another elsewhere. */
const square = (n: number, on: number, off: number) =>
  tensor(
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? on : off)),
    [n, n],
  )

/** The losses' ops in primitives: on a tape, they have gradients. Sizes must be numbers. */
export function lossOpsOf<T>(ops: Primitives<T>): LossOps<T> {
  const rows = (x: T): number => ops.dims(x)[0] as number
  const axes = (x: T): number[] => [...ops.dims(x).keys()]
  return {
    rows,
    matMulTransposed: (a, b) => ops.matMul(a, b, { transposeB: true }),
    transposed: (x) => ops.transpose(x, [1, 0]),
    exp: (x) => ops.exp(x),
    add: (a, b) => ops.add(a, b),
    sub: (a, b) => ops.sub(a, b),
    mul: (a, b) => ops.mul(a, b),
    scale: (x, factor) => ops.mul(x, ops.scalar(factor)),
    logSoftmax(x) {
      const lowered = ops.sub(x, ops.max(x, [-1], true))
      return ops.sub(lowered, ops.log(ops.sum(ops.exp(lowered), [-1], true)))
    },
    logSigmoid: (x) => ops.mul(softplus(ops, ops.mul(x, ops.scalar(-1))), ops.scalar(-1)),
    diagonal: (x) => ops.sum(ops.mul(x, ops.constant(square(rows(x), 1, 0))), [1]),
    pairSigns: (n) => ops.constant(square(n, 1, -1)),
    centred: (x) => ops.sub(x, ops.mean(x, [0], true)),
    mean: (x) => ops.mean(x, axes(x)),
    sum: (x) => ops.sum(x, axes(x)),
  }
}
