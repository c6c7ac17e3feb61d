import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readSafetensors, type Tensor, tensor } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { inputsOf } from '../../../parity-tests/src/fixtures'
import { TextTower, VisionTextDualEncoderModel, VisionTower } from './index'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../parity-tests/fixtures/towers', name)
const FOLDER = fixture('vit-bert')

let inputs: Awaited<ReturnType<typeof inputsOf>>
let expected: Map<string, Tensor>
beforeAll(async () => {
  inputs = await inputsOf(FOLDER)
  expected = await readSafetensors(join(FOLDER, 'expected.safetensors'))
})

const worst = (a: Tensor, b: Tensor) =>
  Math.max(...[...a.data].map((value, i) => Math.abs(Number(value) - Number(b.data[i]))))

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  const load = (folder = FOLDER) => VisionTextDualEncoderModel.fromPretrained(folder, { backend })

  it("gives PyTorch's logits and says which backend it is", async () => {
    await using model = await load()
    expect(model.tfBackend).toBeUndefined()
    const { logitsPerImage } = await model.forward(inputs)
    expect(model.tfBackend).toBe(backend)
    expect(worst(logitsPerImage, expected.get('logits_per_image') as Tensor)).toBeLessThan(5e-5)
  })

  it('leaves no tensor behind: after runs, failures and dispose', async () => {
    const start = async () => {
      const model = await load()
      await model.ready()
      return model
    }
    await (await start()).dispose()
    const before = tf.memory().numTensors
    const model = await start()
    await model.forward(inputs)
    const held = tf.memory().numTensors
    await model.forward(inputs, { outputHiddenStates: true, outputAttentions: true })
    await model.getTextFeatures(inputs)
    await model.getImageFeatures(inputs, { normalize: true })
    expect(tf.memory().numTensors).toBe(held)
    const bad = tensor(new BigInt64Array([9999n]), [1, 1])
    await expect(model.getTextFeatures({ inputIds: bad })).rejects.toMatchObject({ code: 'id-out-of-range' })
    const controller = new AbortController()
    const call = model.forward(inputs, { signal: controller.signal })
    controller.abort(new Error('no longer wanted'))
    await expect(call).rejects.toThrow('no longer wanted')
    await model.getTextFeatures(inputs)
    expect(tf.memory().numTensors).toBe(held)
    await model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  it('weights that cannot be read leave nothing behind, and the next call works', async () => {
    const read = async (name: string) => new Uint8Array(await readFile(join(FOLDER, name)))
    let fails = false
    const source = {
      async read(name: string, range?: readonly [number, number]) {
        if (name !== 'config.json' && name !== 'model.safetensors') return undefined
        if (fails && range) throw new Error('the line is dead')
        return range ? (await read(name)).slice(...range) : read(name)
      },
    }
    await using model = await VisionTextDualEncoderModel.fromPretrained(source, { backend })
    await model.ready()
    fails = true
    const before = tf.memory().numTensors
    await expect(model.forward(inputs)).rejects.toThrow('the line is dead')
    expect(tf.memory().numTensors).toBe(before)
    fails = false
    expect((await model.forward(inputs)).logitsPerImage.dims).toEqual([3, 4])
  })

  it('a scope that the program has open does not take the weights along', async () => {
    await using model = await load()
    await model.ready()
    tf.engine().startScope()
    const { logitsPerImage } = await model.forward(inputs)
    tf.engine().endScope()
    expect((await model.forward(inputs)).logitsPerImage).toEqual(logitsPerImage)
  })

  it('overlapping calls give what they give alone', async () => {
    await using model = await load()
    const alone = await model.forward(inputs)
    const together = await Promise.all([model.forward(inputs), model.getTextFeatures(inputs), model.forward(inputs)])
    expect(together[0]).toEqual(alone)
    expect(together[2]).toEqual(alone)
  })

  it('keeps what tables are for images of one size, and makes them anew for another', async () => {
    await using model = await load(fixture('beit-both-biases'))
    const { imageSize, patchSize, numChannels } = model.config.visionConfig
    const picture = (height: number, width: number) => {
      const dims = [1, numChannels, height, width]
      const data = Float32Array.from({ length: numChannels * height * width }, (_, i) => Math.sin(i))
      return model.getImageFeatures({ pixelValues: tensor(data, dims) })
    }
    const [side, patch] = [Number(imageSize), Number(patchSize)]
    const first = await picture(side, side)
    const held = tf.memory().numTensors
    const wide = await picture(side, side + patch)
    expect(tf.memory().numTensors).toBe(held)
    expect(await picture(side, side)).toEqual(first)
    expect(await picture(side, side + patch)).toEqual(wide)
    expect(wide).not.toEqual(first)
  })

  it('saves what it loaded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-tfjs-'))
    await using model = await load()
    const { logitsPerImage } = await model.forward(inputs)
    await model.savePretrained(folder)
    await using again = await load(folder)
    expect((await again.forward(inputs)).logitsPerImage).toEqual(logitsPerImage)
    await rm(folder, { recursive: true })
  })
})

describe('backends', () => {
  it('two models on two backends may run in turn', async () => {
    await using cpu = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { backend: 'cpu' })
    await using wasm = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { backend: 'wasm' })
    const [a, b] = await Promise.all([cpu.forward(inputs), wasm.forward(inputs)])
    expect([cpu.tfBackend, wasm.tfBackend]).toEqual(['cpu', 'wasm'])
    expect(worst(a.logitsPerImage, b.logitsPerImage)).toBeLessThan(5e-5)
    expect((await cpu.forward(inputs)).logitsPerImage).toEqual(a.logitsPerImage)
  })

  it('are wasm in Node, and otherwise what the program has chosen', async () => {
    await using standard = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
    expect(await standard.ready()).toBe('wasm')
    await tf.setBackend('cpu')
    await using chosen = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
    expect(await chosen.ready()).toBe('cpu')
  })

  it('that are not to be had are an error that names those that are', async () => {
    await using model = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { backend: 'webgl' })
    await expect(model.ready()).rejects.toMatchObject({
      code: 'backend-unavailable',
      message: expect.stringMatching(/"webgl".*cpu, wasm/) as string,
    })
  })
})

it('towers run alone and join', async () => {
  const quiet = { onWarning: () => undefined }
  const vision = await VisionTower.fromPretrained(FOLDER, quiet)
  const text = await TextTower.fromPretrained(FOLDER, quiet)
  const { poolerOutput } = await text.forward(inputs)
  expect(worst(poolerOutput, expected.get('text_pooler_output') as Tensor)).toBeLessThan(1e-5)
  await using model = await VisionTextDualEncoderModel.fromTowers(vision, text, { projectionDim: 12, ...quiet })
  expect((await model.forward(inputs)).imageEmbeds.dims).toEqual([3, 12])
  await Promise.all([vision.dispose(), text.dispose()])
})

it('asked for int8 says who computes in it', async () => {
  const refused = { code: 'bad-dtype', message: expect.stringMatching(/"int8".*@dual-encoder\/onnx/) as string }
  const options = { dtype: 'int8' as 'float32', onWarning: () => undefined }
  await expect(VisionTextDualEncoderModel.fromPretrained(FOLDER, options)).rejects.toMatchObject(refused)
  await expect(VisionTower.fromPretrained(FOLDER, options)).rejects.toMatchObject(refused)
})
