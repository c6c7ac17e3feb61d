import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readSafetensors, type Tensor, tensor } from '@dual-encoder/core'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import * as webgpu from '@dual-encoder/webgpu'
import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'
import { WASM } from './wasm'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))
const CASES = ['vit-bert', 'beit-roberta', 'clip-bert']

interface Case {
  readonly adamw: {
    readonly lr: number
    readonly betas: readonly [number, number]
    readonly eps: number
    readonly weight_decay: number
  }
  /** Before each step, and after the last. */
  readonly losses: readonly number[]
  /** Parameters whose gradient is zero in exact arithmetic. */
  readonly zero: readonly string[]
}

/** PyTorch's AdamW, on host arrays. */
class AdamW {
  readonly #moments = new Map<string, { first: Float32Array; second: Float32Array }>()
  #step = 0
  constructor(private readonly options: Case['adamw']) {}

  step(values: ReadonlyMap<string, Float32Array>, grads: ReadonlyMap<string, Float32Array>): void {
    const { lr, betas, eps, weight_decay: decay } = this.options
    const step = ++this.#step
    const [correction1, correction2] = betas.map((beta) => 1 - beta ** step) as [number, number]
    for (const [name, value] of values) {
      const gradient = grads.get(name)!
      const { length } = value
      const moments = this.#moments.get(name) ?? { first: new Float32Array(length), second: new Float32Array(length) }
      this.#moments.set(name, moments)
      const { first, second } = moments
      for (let i = 0; i < length; i++) {
        const g = gradient[i]!
        first[i] = betas[0] * first[i]! + (1 - betas[0]) * g
        second[i] = betas[1] * second[i]! + (1 - betas[1]) * g * g
        const direction = first[i]! / correction1 / (Math.sqrt(second[i]! / correction2) + eps)
        value[i] = value[i]! * (1 - lr * decay) - lr * direction
      }
    }
  }
}

const norm = (values: Iterable<number>): number => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0))

const floats = async (value: tf.Tensor): Promise<Float32Array> => value.data<'float32'>()

const recordOf = async (folder: string): Promise<Case> =>
  JSON.parse(await readFile(`${folder}/case.json`, 'utf8')) as Case

/** PyTorch's gradients by name. */
async function gradientsOf(folder: string): Promise<Map<string, Tensor<'float32'>>> {
  const tensors = [...(await readSafetensors(`${folder}/gradients.safetensors`))]
  // Written as transformers 5 names them, or as version 4 does.
  return new Map(
    tensors.map(([key, value]) => [
      key.replace('vision_model.vision_model.', 'vision_model.'),
      value as Tensor<'float32'>,
    ]),
  )
}

/** Gradients whose relative error (of those that are zero: the error) is more than allowed. */
function tooFarOff(
  wanted: ReadonlyMap<string, Tensor<'float32'>>,
  givenOf: (key: string) => Tensor<'float32'>,
  zero: readonly string[],
  allowed: number,
): string[] {
  return [...wanted].flatMap(([key, { data, dims }]) => {
    const given = givenOf(key)
    expect(given.dims, key).toEqual(dims)
    const error = norm(data.map((expected, i) => given.data[i]! - expected))
    const relative = zero.includes(key) ? error : error / norm(data)
    return relative <= (zero.includes(key) ? 1e-6 : allowed) ? [] : [`${key}: ${relative.toExponential(2)}`]
  })
}

/** The relative error of a gradient that is allowed. */
const BACKENDS = [
  ...[{ backend: 'cpu' } as const, WASM].map((options) => ({
    name: `tfjs on ${options.backend}`,
    allowed: 2e-5,
    load: (folder: string) => tfjs.VisionTextDualEncoderModel.fromPretrained(folder, options),
  })),
  {
    name: 'webgpu',
    allowed: 1e-4,
    load: (folder: string) => webgpu.VisionTextDualEncoderModel.fromPretrained(folder),
  },
]

const LOADERS = {
  onnx: (folder: string) => onnx.VisionTextDualEncoderModel.fromPretrained(folder),
  tfjs: (folder: string) => tfjs.VisionTextDualEncoderModel.fromPretrained(folder, WASM),
}

describe.each(['onnx', 'tfjs'] as const)('gradients on %s', (backend) => {
  it.each(CASES)("%s: PyTorch's, of every parameter", async (name) => {
    const model = await LOADERS[backend](`${FIXTURES}towers/${name}`)
    const folder = `${FIXTURES}gradients/${name}`
    const { losses, zero } = await recordOf(folder)
    const { loss, grads } = await model.gradients(await inputsOf(folder))
    expect(Math.abs(loss - losses[0]!)).toBeLessThan(2e-6)
    const wanted = await gradientsOf(folder)
    expect([...grads.keys()].sort()).toEqual([...wanted.keys()].sort())
    expect(tooFarOff(wanted, (key) => grads.get(key) as Tensor<'float32'>, zero, 2e-5)).toEqual([])
    await model.dispose()
  })

  it('are of those that are named, with either loss', async () => {
    const folder = `${FIXTURES}gradients/vit-bert`
    const model = await LOADERS[backend](`${FIXTURES}towers/vit-bert`)
    const inputs = await inputsOf(folder)
    const { grads } = await model.gradients(inputs, { names: { logit_scale: true }, loss: 'siglip' })
    expect([...grads.keys()]).toEqual(['logit_scale'])
    const { logitsPerText } = await model.forward(inputs)
    // d/ds of -sum log sigmoid(±exp(s) x) / n
    const n = logitsPerText.dims[0]!
    const slope = (logitsPerText.data as Float32Array).reduce((sum, logit, i) => {
      const sign = i % (n + 1) === 0 ? 1 : -1
      return sum - (sign * logit) / (1 + Math.exp(sign * logit)) / n
    }, 0)
    expect(Math.abs((grads.get('logit_scale')!.data[0] as number) - slope)).toBeLessThan(1e-5 * Math.abs(slope))
    await expect(model.gradients(inputs, { names: () => false })).rejects.toMatchObject({ code: 'empty-mask' })
    await model.dispose()
  })
})

describe.each(BACKENDS)('$name', ({ allowed, load }) => {
  keepEngine(load)

  describe.each(CASES)('%s', (name) => {
    const setUp = async () => {
      const model = await load(`${FIXTURES}towers/${name}`)
      const folder = `${FIXTURES}gradients/${name}`
      const record = await recordOf(folder)
      return { model, folder, record, inputs: await inputsOf(folder) }
    }

    it("has PyTorch's gradient of every parameter", async () => {
      const { model, folder, record, inputs } = await setUp()
      const params = await model.params()
      const { value, grads } = model.valueAndGrads(params, inputs)
      expect(Math.abs((await floats(value))[0]! - record.losses[0]!)).toBeLessThan(2e-6)
      const wanted = await gradientsOf(folder)
      expect(Object.keys(grads).sort()).toEqual([...wanted.keys()].sort())
      const given = new Map<string, Tensor<'float32'>>()
      for (const [key, gradient] of Object.entries(grads))
        given.set(key, tensor(await floats(gradient), gradient.shape))
      expect(tooFarOff(wanted, (key) => given.get(key)!, record.zero, allowed)).toEqual([])
      tf.dispose([params, value, grads] as tf.TensorContainer)
      await model.dispose()
    })

    it("follows PyTorch's losses through five steps of AdamW", async () => {
      const { model, record, inputs } = await setUp()
      const before = tf.engine().state.numTensors
      const start = await model.params()
      const shapes = new Map(Object.entries(start).map(([key, { shape }]) => [key, shape]))
      const values = new Map<string, Float32Array>()
      for (const [key, tensor] of Object.entries(start)) values.set(key, (await floats(tensor)).slice())
      tf.dispose(start as tf.TensorContainerObject)
      const optimizer = new AdamW(record.adamw)
      for (const wanted of record.losses) {
        const params = Object.fromEntries(
          [...values].map(([key, value]) => [key, tf.tensor(value.slice(), shapes.get(key)!)]),
        )
        const { value, grads } = model.valueAndGrads(params, inputs)
        const arrays = new Map<string, Float32Array>()
        for (const [key, gradient] of Object.entries(grads)) arrays.set(key, await floats(gradient))
        optimizer.step(values, arrays)
        expect(Math.abs((await floats(value))[0]! - wanted)).toBeLessThan(1e-5)
        tf.dispose([params, value, grads] as tf.TensorContainer)
      }
      expect(tf.engine().state.numTensors).toBe(before)
      await model.dispose()
    })
  })
})
