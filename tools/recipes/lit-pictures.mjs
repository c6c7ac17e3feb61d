// LiT on two real towers, on two cores: npm run model:pictures [-- --steps 1200 --views 4 --pictures 100000 --output FOLDER]
// DINOv2's upper two layers, tuned for saliency, are left away. Goes on where it was interrupted, and ends with FOLDER/judgement.json.
import { parseArgs } from 'node:util'
import { ImageProcessor, Tokenizer, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as train from '@dual-encoder/train'
import { judge, write } from '../pictures/judge.mjs'
import { cache } from '../pictures/packages.mjs'
import { readShards } from '../pictures/read.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1200' },
    views: { type: 'string', default: '4' },
    pictures: { type: 'string', default: '100000' },
    batch: { type: 'string', default: '384' },
    output: { type: 'string', default: `${cache}/lit` },
  },
})
const [vision, text] = [`${cache}/towers/dinov2-small`, `${cache}/towers/minilm`]
const samples = async (/** @type {string} */ name) =>
  (await readShards(name)).map(({ key, image, captions, group }) => ({ key, image, text: captions, group }))

const model = await VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, {
  vision: { numHiddenLayers: 10 },
  projectionDim: 256,
  seed: 1,
})
const images = (await ImageProcessor.fromPretrained(vision)).config
const processor = new VisionTextDualEncoderProcessor(
  new ImageProcessor({ ...images, size: { shortest_edge: 112 }, crop_size: { height: 112, width: 112 } }),
  await Tokenizer.fromPretrained(text),
)
const trainer = new train.Trainer({
  model,
  processor,
  data: (await samples('train')).slice(0, Number(values.pictures)),
  batchSize: Number(values.batch),
  steps: Number(values.steps),
  rules: [train.topLayers({ vision: 3, text: 2 }), ['vision_model\\..*', 0.4], ['text_model\\..*', 0.2], ['.*', 1]],
  optimizer: { name: 'adamw', lr: 1e-3, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.1 },
  schedule: { kind: 'cosine', warmup: 0.04, end: 0.02 },
  patchDropout: 0.75,
  augment: [
    train.horizontalFlip,
    train.sometimes(0.4, train.randomBackground()),
    train.randomAffine({ degrees: 12, translate: 0.12, scale: [0.75, 1.3] }),
    train.sometimes(0.25, train.randomResizedCrop({ scale: [0.3, 0.9] })),
    train.colorJitter({ brightness: 0.2, contrast: 0.3, saturation: 0.5 }),
  ],
  cache: { folder: `${cache}/lit-cache`, views: Number(values.views) },
  average: 0.99,
  evaluate: { every: 200, data: (await samples('held-out')).map((one) => ({ ...one, text: one.text[0] ?? '' })) },
  saveEvery: 100,
  output: values.output,
  resume: true,
})
await trainer.run({ onCache: (done, all) => done % 2048 === 0 && console.log(`cached ${done} of ${all}`) })
await write(values.output, await judge(values.output))
