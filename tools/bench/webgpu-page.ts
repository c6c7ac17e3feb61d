import { BertConfig, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { type DualEncoderModel, initializeModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import * as webgpu from '@dual-encoder/webgpu'
import * as tf from '@tensorflow/tfjs-core'

const pixels = Float32Array.from({ length: 3 * 224 * 224 }, (_, i) => Math.sin(i))

/** ViT-Tiny/16 of some layers beside a text tower of no weight in this. */
const configOf = (layers: number) =>
  VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ hiddenSize: 192, numHiddenLayers: layers, numAttentionHeads: 3, intermediateSize: 768 }),
    new BertConfig({ hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16, vocabSize: 20 }),
  )

const models = new Map<string, DualEncoderModel>()

/** Makes a model of the same weights for one of the engines. @returns its embedding */
async function make(engine: 'ours' | 'plain tfjs' | 'onnxruntime-web', layers: number): Promise<number[]> {
  const loaded = await initializeModel(configOf(layers), 1)
  if (engine === 'plain tfjs') await tf.setBackend('webgpu')
  const model =
    engine === 'ours'
      ? new webgpu.VisionTextDualEncoderModel(loaded)
      : engine === 'plain tfjs'
        ? new tfjs.VisionTextDualEncoderModel(loaded)
        : new onnx.VisionTextDualEncoderModel(loaded, { executionProviders: ['webgpu'] })
  models.set(`${engine} ${layers}`, model)
  const features = await embed(model)
  if (model instanceof tfjs.VisionTextDualEncoderModel && model.tfBackend !== 'webgpu')
    throw new Error(`${model.tfBackend}`)
  return features
}

const embed = async (model: DualEncoderModel): Promise<number[]> => [
  ...((await model.getImageFeatures({ pixelValues: tensor(pixels, [1, 3, 224, 224]) })).data as Float32Array),
]

/** Milliseconds of one embedding. */
async function time(engine: string, layers: number): Promise<number> {
  const start = performance.now()
  await embed(models.get(`${engine} ${layers}`)!)
  return performance.now() - start
}

Object.assign(globalThis, { make, time })
