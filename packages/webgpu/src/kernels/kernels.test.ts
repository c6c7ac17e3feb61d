import type { Activation, Param } from '@dual-encoder/core/backend'
import { TfjsOps } from '@dual-encoder/tfjs/engine-api'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebGpuEngine } from '../engine'
import { WebGpuOps } from '../ops'
import { GpuWeights } from '../weights'

const engine = new WebGpuEngine({})
beforeAll(() => engine.start())
afterAll(() => engine.leave())

let seed = 1
const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5
const values = (...shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 4 * random()),
    shape,
  )
const param = (name: string, ...shape: number[]): Param => ({ name, shape, init: { kind: 'zeros' } })

type Compute = (ops: TfjsOps, ...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[]

/** Largest difference of the kernels from TensorFlow.js's own ops, relative to the largest value. */
async function differences(compute: Compute, inputs: tf.Tensor[], params: Record<string, tf.Tensor> = {}) {
  const weights = () =>
    new GpuWeights(new Map(Object.entries(params).map(([name, value]) => [name, tf.clone(value)])), new Map(), false)
  const run = async (ops: TfjsOps) => {
    const outputs = [tf.tidy(() => compute(ops, ...inputs))].flat()
    return Promise.all(outputs.map((output) => output.data()))
  }
  const device = engine.device!
  const before = device.backend.dispatches
  const given = await run(new WebGpuOps(device, weights()))
  const dispatches = device.backend.dispatches - before
  const wanted = await run(new TfjsOps(weights()))
  const worst = given.map((value, i) => {
    const scale = Math.max(...wanted[i]!.map(Math.abs))
    return Math.max(...value.map((x, at) => Math.abs(x - wanted[i]![at]!))) / scale
  })
  for (const { error } of device.backend.takeTrials()) expect(await error).toBeNull()
  return { worst: Math.max(...worst), dispatches }
}

describe('kernels give what TensorFlow.js composes', () => {
  it.each([
    [197, 64, 192],
    [1, 4, 4],
    [1, 100, 36],
    [3, 68, 8],
    [9, 20, 12],
    [30, 44, 16],
    [65, 132, 36],
  ])('a linear layer of %i rows, %i to %i', async (rows, inner, width) => {
    const layer = { weight: param('w', width, inner), bias: param('b', width) }
    const { worst, dispatches } = await differences((ops, x) => ops.linear(x, layer), [values(1, rows, inner)], {
      w: values(width, inner),
      b: values(width),
    })
    expect(worst).toBeLessThan(1e-6)
    // One of them lays out the weight.
    expect(dispatches).toBe(2)
  })

  it('a linear layer with layer scale, in as many dispatches', async () => {
    const layer = { weight: param('w', 16, 24), bias: param('b', 16), scale: param('s', 16) }
    const params = { w: values(16, 24), b: values(16), s: values(16) }
    const compute: Compute = (ops, x) => ops.linear(x!, layer, 'gelu')
    const { worst, dispatches } = await differences(compute, [values(5, 24)], params)
    expect(worst).toBeLessThan(1e-6)
    expect(dispatches).toBe(2)
  })

  it.each(['gelu', 'gelu_tanh', 'quick_gelu', 'relu', 'silu', 'tanh', 'sigmoid', 'mish'] as Activation[])(
    'a linear layer with %s',
    async (activation) => {
      const layer = { weight: param('w', 16, 24), bias: param('b', 16) }
      const params = { w: tf.mul(values(16, 24), 4), b: values(16) }
      const { worst } = await differences((ops, x) => ops.linear(x, layer, activation), [values(5, 24)], params)
      // SwiftShader's own tanh, which TensorFlow.js takes, is 2.4e-6 off.
      expect(worst).toBeLessThan(activation === 'tanh' ? 4e-6 : 1e-6)
    },
  )

  it.each([13, 32, 48, 64, 80, 96, 128])('attention with heads of %i', async (size) => {
    const [q, k, v] = [values(2, 37, 2 * size), values(2, 37, 2 * size), values(2, 37, 2 * size)]
    const mask = tf.tensor(
      Array.from({ length: 74 }, (_, i) => (i % 37 < 30 || i < 37 ? 1 : 0)),
      [2, 37],
      'int32',
    )
    const bias = values(2, 37, 37)
    for (const options of [{}, { keyMask: mask }, { bias }, { keyMask: mask, bias }, { scale: 0.3 }]) {
      const compute: Compute = (ops, q, k, v) => ops.attention(q!, k!, v!, { heads: 2, ...options }).context
      const { worst, dispatches } = await differences(compute, [q, k, v])
      expect(worst).toBeLessThan(3e-6)
      expect(dispatches).toBe(1)
    }
  })

  it('attention where a text is all padding', async () => {
    const [q, k, v] = [values(2, 5, 8), values(2, 5, 8), values(2, 5, 8)]
    const mask = tf.tensor([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [2, 5], 'int32')
    const compute: Compute = (ops, q, k, v) => ops.attention(q!, k!, v!, { heads: 2, keyMask: mask }).context
    expect((await differences(compute, [q, k, v])).worst).toBeLessThan(2e-6)
  })

  it.each([7, 20, 64, 192, 1000])('norms over %i values', async (size) => {
    const norm = { weight: param('w', size), bias: param('b', size), eps: 1e-6 }
    const params = { w: values(size), b: values(size) }
    const compute: Compute = (ops, x, y) => {
      const { sum, normed } = ops.addLayerNorm(x!, y!, norm)
      return [sum, normed, ops.layerNorm(x!, norm), ops.l2Normalize(x!)]
    }
    expect((await differences(compute, [values(3, 5, size), values(3, 5, size)], params)).worst).toBeLessThan(2e-6)
  })

  it.each([
    [4, 4, 12, 12],
    [3, 5, 13, 17],
  ])('patches of %i by %i in %i by %i pixels', async (height, width, H, W) => {
    const layer = { weight: param('w', 8, 3, height, width), bias: param('b', 8) }
    const params = { w: values(8, 3, height, width), b: values(8) }
    const compute: Compute = (ops, pixels) => ops.patchEmbed(pixels!, layer)
    expect((await differences(compute, [values(2, 3, H, W)], params)).worst).toBeLessThan(1e-6)
  })
})
