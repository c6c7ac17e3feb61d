import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { readSafetensors, type Tensor, tensor } from '@dual-encoder/core'
import { clampLogitScale, clipByNorm, ema, emaShare, optimizerOf, type OptimizerOptions } from '@dual-encoder/train'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { startBackend } from '../../packages/tfjs/src/backend'
import { TfjsPrimitives } from '../../packages/tfjs/src/primitives'
import type { TensorWeights } from '../../packages/tfjs/src/weights'
import { difference } from './compare'

type Floats = Tensor<'float32'>
interface TorchCase {
  readonly name: 'adamw' | 'lion' | 'sgd'
  readonly lr: number
  readonly weight_decay?: number
}
const FOLDER = resolve(import.meta.dirname, '../fixtures/optimizers')
const tensors = (await readSafetensors(`${FOLDER}/optimizers.safetensors`)) as ReadonlyMap<string, Floats>
const { factor, cases } = JSON.parse(readFileSync(`${FOLDER}/cases.json`, 'utf8')) as {
  factor: number
  cases: Record<string, TorchCase>
}

/** Entry `index` along the first axis. */
function entry(name: string, index: number): Floats {
  const { dims, data } = tensors.get(name)!
  const size = data.length / dims[0]!
  return tensor(data.slice(index * size, (index + 1) * size), dims.slice(1))
}

describe.each(['cpu', 'wasm'] as const)('optimizers with tfjs on %s', (backend) => {
  beforeAll(() => startBackend({ backend }))
  const ops = new TfjsPrimitives({} as TensorWeights)
  const scalar = (value: number) => ops.constant(tensor([value], []))
  const host = (x: tf.Tensor): Floats => tensor(x.dataSync<'float32'>() as Float32Array, x.shape)

  it.each(Object.entries(cases))("%s takes PyTorch's steps", (name, { lr, weight_decay, ...rest }) => {
    const options = { ...rest, ...(weight_decay !== undefined && { weightDecay: weight_decay }) }
    const optimizer = optimizerOf(options as OptimizerOptions)
    for (const parameter of ['matrix', 'vector']) {
      let param = ops.constant(entry(`${name}.${parameter}`, 0))
      let state = Object.fromEntries(optimizer.slots.map((slot) => [slot, tf.zerosLike(param)]))
      for (let step = 1; step <= 12; step++) {
        const numbers = optimizer.numbers(step, lr / step)
        const next = optimizer.update(ops, {
          param,
          grad: ops.constant(entry(`grads.${parameter}`, step - 1)),
          state,
          numbers: Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, scalar(value)])),
          ...(parameter === 'vector' && { factor, decay: false }),
        })
        ;({ param, state } = next)
        const { absolute } = difference(host(param), entry(`${name}.${parameter}`, step))
        // A few roundings of values around 1.
        expect(absolute, `${parameter} after step ${step}`).toBeLessThan(6e-7)
      }
    }
  })

  it.each([0.5, 100])('gradients are clipped to a length of %d', (limit) => {
    const grads = ['matrix', 'vector'].map((name) => ops.constant(entry(`grads.${name}`, 0)))
    const clipped = clipByNorm(ops, grads, limit)
    expect(host(clipped.norm).data[0]).toBeCloseTo(tensors.get(`clip.${limit}.norm`)!.data[0]!, 5)
    clipped.grads.forEach((grad, i) => {
      const wanted = tensors.get(`clip.${limit}.${['matrix', 'vector'][i]}`)!
      expect(difference(host(grad), wanted).relative).toBeLessThan(3e-7)
    })
  })

  it('the logit scale stays within [0, ln 100], to the bit where it is', () => {
    const clamped = (value: number) => host(clampLogitScale(ops, scalar(value))).data[0]
    expect([-1, 2.6592, 5].map(clamped)).toEqual([0, Math.fround(2.6592), Math.fround(Math.log(100))])
  })

  it('a running mean follows the weights', () => {
    const decay = 0.5
    const values = [1, 2, 4]
    let [average, wanted] = [scalar(0), 0]
    values.forEach((value, i) => {
      const share = emaShare(decay, i + 1)
      average = ema(ops, average, scalar(value), scalar(share))
      wanted += share * (value - wanted)
    })
    expect([1, 2, 1e6].map((step) => emaShare(decay, step))).toEqual([1 - 2 / 11, 1 - 3 / 12, 0.5])
    expect(host(average).data[0]).toBeCloseTo(wanted, 6)
  })
})
