import {
  BertConfig,
  Dinov2Config,
  RobertaConfig,
  tensor,
  ViTConfig,
  VisionTextDualEncoderConfig,
  type Warning,
} from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apart, config, inputIds, inputs, logits, pixelValues, plainDevice, refusing, size } from '../test/models'
import { VisionTextDualEncoderModel } from './index'

/** A device, with all that it has compiled, ends with its last model: this one keeps it. */
let keeper: VisionTextDualEncoderModel
beforeAll(async () => {
  keeper = await VisionTextDualEncoderModel.fromConfig(config())
  await keeper.ready()
})
afterAll(() => keeper.dispose())

describe('a model', () => {
  it('reads a table larger than a binding in parts', async () => {
    const device = await plainDevice()
    const limit = device.limits.maxStorageBufferBindingSize
    const text = { ...size, numHiddenLayers: 1, hiddenSize: 160, vocabSize: 250002 }
    expect(4 * text.vocabSize * text.hiddenSize).toBeGreaterThan(limit)
    const large = VisionTextDualEncoderConfig.fromVisionTextConfigs(
      new ViTConfig({ ...size, numHiddenLayers: 1, imageSize: 24, patchSize: 6 }),
      new RobertaConfig(text),
      { projectionDim: 16 },
    )
    const ids = {
      inputIds: tensor(BigInt64Array.from([0n, 5n, 130000n, 209714n, 209715n, 209716n, 250001n, 2n]), [1, 8]),
    }
    const run = async (options: object) => {
      const model = await VisionTextDualEncoderModel.fromConfig(large, { seed: 2, ...options })
      const features = [...((await model.getTextFeatures(ids)).data as Float32Array)]
      await model.dispose()
      return features
    }
    const whole = await run({})
    expect(apart(await run({ device }), whole)).toBe(0)
    device.destroy()
  }, 180_000)

  it('keeps its memory over 300 lengths of text', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config({ maxPositionEmbeddings: 512 }))
    const allocated = () => tf.memory() as unknown as { numBytesAllocatedInGPU: number; numTensors: number }
    const embed = async (parity: 0 | 1) => {
      for (let length = 300 - parity; length > 0; length -= 2)
        await model.getTextFeatures({ inputIds: inputIds(1, length) })
      return allocated().numBytesAllocatedInGPU
    }
    const even = await embed(0)
    // 150 lengths that were never seen fit into the buffers of the others.
    expect((await embed(1)) / even).toBeLessThan(1.02)
    const tensors = allocated().numTensors
    await model.getTextFeatures({ inputIds: inputIds(1, 77) })
    expect(allocated().numTensors).toBe(tensors)
    await model.dispose()
  }, 180_000)

  it('holds its weights once when they are loaded', async () => {
    const allocated = () => (tf.memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU
    const before = allocated()
    const model = await VisionTextDualEncoderModel.fromConfig(config({ hiddenSize: 160, vocabSize: 60_000 }))
    await model.getTextFeatures({ inputIds: inputIds(1, 4) })
    const times = (allocated() - before) / (4 * 160 * 60_000)
    expect(times).toBeGreaterThan(0.9)
    expect(times).toBeLessThan(1.1)
    await model.dispose()
  })
})

describe('a block of', () => {
  const { intermediateSize: _, ...dinov2 } = size
  it.each([
    ['ViT', (numHiddenLayers: number) => new ViTConfig({ ...size, numHiddenLayers, imageSize: 24, patchSize: 6 })],
    [
      'DINOv2',
      (numHiddenLayers: number) => new Dinov2Config({ ...dinov2, numHiddenLayers, imageSize: 24, patchSize: 6 }),
    ],
  ])('%s is at most 7 dispatches', async (_, vision) => {
    const dispatches = async (layers: number) => {
      const deep = VisionTextDualEncoderConfig.fromVisionTextConfigs(
        vision(layers),
        new BertConfig({ ...size, vocabSize: 100 }),
        { projectionDim: 16 },
      )
      const model = await VisionTextDualEncoderModel.fromConfig(deep)
      const run = () => model.forward(inputs)
      await run()
      const backend = tf.findBackend(model.tfBackend!) as unknown as { dispatches: number }
      const before = backend.dispatches
      await run()
      const count = backend.dispatches - before
      await model.dispose()
      return count
    }
    expect((await dispatches(4)) - (await dispatches(3))).toBeLessThanOrEqual(7)
  })
})

describe('float16', () => {
  it('is close to float32, and never silent where it is not', async () => {
    const cosine = (a: number[], b: number[]) => {
      const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
    }
    const features = async (options: object) => {
      const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4, ...options })
      const data = (await model.getImageFeatures({ pixelValues })).data as Float32Array
      await model.dispose()
      return [...data]
    }
    const warnings: Warning[] = []
    const onWarning = (warning: Warning) => void warnings.push(warning)
    const [full, half] = [await features({}), await features({ dtype: 'float16', onWarning })]
    expect(warnings).toEqual([])
    expect(half).not.toEqual(full)
    expect(cosine(full, half)).toBeGreaterThan(0.999)
  })

  it('gives way with a warning where weights are beyond its range', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4 })
    const params = await model.params()
    const name = 'vision_model.encoder.layer.0.intermediate.dense.weight'
    const huge = { ...params, [name]: tf.mul(params[name]!, 1e8) }
    const large = await model.withParams(huge)
    const warnings: Warning[] = []
    const halves = new VisionTextDualEncoderModel((large as unknown as { loaded: never }).loaded, {
      dtype: 'float16',
      onWarning: (warning) => void warnings.push(warning),
    })
    const wanted = (await large.getImageFeatures({ pixelValues })).data as Float32Array
    const given = (await halves.getImageFeatures({ pixelValues })).data as Float32Array
    expect(warnings.map(({ code }) => code)).toEqual(['float16-inexact'])
    expect([...given]).toEqual([...wanted])
    tf.dispose([params, huge])
    for (const each of [model, large, halves]) await each.dispose()
  })

  it('gives way with a warning where the GPU takes none of its shaders', async () => {
    const device = await plainDevice()
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { seed: 4, device })
    const wanted = logits(await model.forward(inputs))
    await model.dispose()
    const codes: string[] = []
    const halves = await VisionTextDualEncoderModel.fromConfig(config(), {
      seed: 4,
      device: refusing(device, 'pack2x16float'),
      dtype: 'float16',
      onWarning: ({ code }) => void codes.push(code),
    })
    expect(logits(await halves.forward(inputs))).toEqual(wanted)
    expect(codes).toContain('float16-inexact')
    await halves.dispose()
    device.destroy()
  })

  it('takes no other dtype', async () => {
    const options = { dtype: 'int8' as 'float16' }
    await expect(async () => VisionTextDualEncoderModel.fromConfig(config(), options)).rejects.toMatchObject({
      code: 'bad-dtype',
      message: expect.stringMatching(/@dual-encoder\/onnx/) as string,
    })
  })

  it('gives nothing to train on in float16', async () => {
    const model = await VisionTextDualEncoderModel.fromConfig(config(), { dtype: 'float16' })
    await expect(model.outputBelow('vision', inputs, 'pooled')).rejects.toMatchObject({ code: 'bad-dtype' })
    await model.dispose()
  })
})
