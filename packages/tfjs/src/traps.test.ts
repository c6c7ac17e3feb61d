import type { Param } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { makeCurrent, startBackend } from './backend'
import { TfjsOps } from './ops'
import { computing } from './engine'
import { KeptWeights, TreeWeights } from './weights'

/** Places where TensorFlow.js 4.22 gives wrong answers or aborts without being asked for anything unusual. */

const values = (size: number, step: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(step * i + step))
const param = (name: string, shape: number[]): Param => ({ name, shape, init: { kind: 'zeros' } })

/** x Wᵀ + b in float64; x `[n, in]`, W `[out, in]`. */
function product(x: Float32Array, weight: Float32Array, bias: Float32Array, size: number): number[] {
  return Array.from({ length: (x.length / size) * bias.length }, (_, at) => {
    const [row, column] = [Math.floor(at / bias.length), at % bias.length]
    let sum = bias[column]!
    for (let k = 0; k < size; k++) sum += x[row * size + k]! * weight[column * size + k]!
    return sum
  })
}

const farthest = (given: tf.Tensor, wanted: readonly number[]): number =>
  Math.max(...[...given.dataSync()].map((value, i) => Math.abs(value - wanted[i]!)))

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  const start = async () => makeCurrent(await startBackend({ backend }))

  // tf.fused.matMul adds the bias once per 48 columns where it transposes, and for each item of a batch.
  it.each([40, 48, 96, 150])('a linear layer of %i columns adds its bias once, batched or not', async (out) => {
    await start()
    const [weight, bias, x] = [values(out * 7, 0.9), values(out, 0.5), values(2 * 3 * 7, 0.3)]
    const wanted = product(x, weight, bias, 7)
    const tensors = () =>
      new Map([
        ['w', tf.tensor(weight, [out, 7])],
        ['b', tf.tensor(bias, [out])],
      ])
    for (const weights of [new KeptWeights(tensors()), new TreeWeights(Object.fromEntries(tensors()))]) {
      const layer = { weight: param('w', [out, 7]), bias: param('b', [out]) }
      const y = new TfjsOps(weights).linear(tf.tensor(x, [2, 3, 7]), layer)
      expect(y.shape).toEqual([2, 3, out])
      expect(farthest(y, wanted)).toBeLessThan(1e-6)
    }
  })

  // XNNPACK's packed right-hand sides are found by data id: a reshaped one aborts the module, and with it the backend.
  it('a table may be the right-hand side in two shapes', async () => {
    await start()
    const ops = new TfjsOps(new TreeWeights({}))
    const data = values(24, 0.7)
    const table = tf.tensor(data, [4, 6])
    for (const [rows, columns] of [
      [4, 6],
      [8, 3],
      [4, 6],
    ] as const) {
      const a = values(5 * rows, 1.1)
      const transposed = Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!)
      const wanted = product(a, transposed, new Float32Array(columns), rows)
      const y = ops.matMul(tf.tensor(a, [5, rows]), ops.reshape(table, [rows, columns]))
      expect(farthest(y, wanted)).toBeLessThan(1e-6)
    }
  })

  // tf.where has no gradient where its condition depends on what is differentiated; masks are added instead.
  it('attention with padding is differentiable, and padding gets nothing', async () => {
    await start()
    const ops = new TfjsOps(new TreeWeights({}))
    const x = tf.tensor(values(2 * 3 * 4, 0.4), [2, 3, 4])
    const keyMask = tf.tensor2d([1, 1, 0, 1, 0, 0], [2, 3], 'int32')
    const at = tf.clone(x)
    const grad = tf.grad((v: tf.Tensor) => tf.sum(ops.attention(x, x, v, { heads: 2, keyMask }).context))(at)
    const rows = tf.sum(tf.reshape(grad, [6, 4]), 1).dataSync()
    expect([...rows].map((value) => value !== 0)).toEqual([true, true, false, true, false, false])
    expect([...rows].every(Number.isFinite)).toBe(true)
  })

  it('a row of nothing but padding gives finite numbers, as in PyTorch the mean of all tokens', async () => {
    await start()
    const ops = new TfjsOps(new TreeWeights({}))
    const x = tf.tensor(values(3 * 4, 0.4), [1, 3, 4])
    const keyMask = tf.tensor2d([0, 0, 0], [1, 3], 'int32')
    const { context } = ops.attention(x, x, x, { heads: 2, keyMask })
    const mean = tf.mean(x, 1).dataSync()
    expect(farthest(context, [...mean, ...mean, ...mean])).toBeLessThan(1e-6)
  })
})

it('the end of the WebAssembly heap is an error that says so', () => {
  const fail = () => {
    throw new WebAssembly.RuntimeError('memory access out of bounds')
  }
  expect(() => computing(fail)).toThrow(expect.objectContaining({ code: 'out-of-memory' }) as Error)
})
