// One measurement of onnx-memory.test.ts in a process of its own: `make|measure <vit|beit> <folder>`.
import { BeitConfig, BertConfig, VisionTextDualEncoderConfig, ViTConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'

const [command, family, folder] = process.argv.slice(2)

async function make() {
  const vision = family === 'vit' ? new ViTConfig() : new BeitConfig({ useRelativePositionBias: true })
  const text = new BertConfig({
    vocabSize: 100,
    hiddenSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 64,
  })
  const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(vision, text, { projectionDim: 512 })
  const model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
  await model.savePretrained(folder)
}

const pixels = (height, width) => ({
  pixelValues: { dims: [1, 3, height, width], dtype: 'float32', data: new Float32Array(3 * height * width).fill(0.5) },
})
const text = { inputIds: { dims: [1, 8], dtype: 'int64', data: new BigInt64Array(8).fill(7n) } }
const options = { interpolatePosEncoding: true }

async function measure() {
  const before = process.memoryUsage().rss
  const model = await VisionTextDualEncoderModel.fromPretrained(folder)
  const other = await VisionTextDualEncoderModel.fromPretrained(folder)
  const calls = {
    features: () => model.getImageFeatures(pixels(224, 224)),
    'normalised features': () => model.getImageFeatures(pixels(224, 224), { normalize: true }),
    forward: () => model.forward({ ...text, ...pixels(224, 224) }),
    '256 x 256': () => model.getImageFeatures(pixels(256, 256), options),
    '192 x 288': () => model.getImageFeatures(pixels(192, 288), options),
    'another model of the same file': () => other.getImageFeatures(pixels(224, 224)),
    'the first disposed of': () => model.dispose(),
    'both disposed of': () => other.dispose(),
  }
  const resident = { 'before loading': before }
  for (const [name, call] of Object.entries(calls)) {
    await call()
    resident[name] = process.memoryUsage().rss
  }
  process.stdout.write(JSON.stringify(resident))
}

await (command === 'make' ? make() : measure())
