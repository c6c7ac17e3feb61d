// LiT on two real towers, on two cores: npm run model:pictures [-- --steps 600 --views 3 --pictures 100000 --all --output FOLDER]
// What the locked image tower gives is computed once; what its classifier knows of photographs stands beside it. It goes on where
// it was interrupted, and ends with FOLDER/judgement.json. --all learns what is held out to choose recipes, as the shipped model.
import { parseArgs } from 'node:util'
import { ImageProcessor, Tokenizer, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as train from '@dual-encoder/train'
import { classSamples } from '../pictures/classes.mjs'
import { judge, write } from '../pictures/judge.mjs'
import { cache } from '../pictures/packages.mjs'
import { readShards } from '../pictures/read.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '600' },
    views: { type: 'string', default: '3' },
    pictures: { type: 'string', default: '100000' },
    all: { type: 'boolean', default: false },
    output: { type: 'string', default: `${cache}/lit` },
  },
})
const [vision, text] = [`${cache}/towers/efficientnet-lite0`, `${cache}/towers/minilm`]
const samples = async (/** @type {string} */ name) =>
  (await readShards(name)).map(({ key, image, captions, group, kind }) => ({ key, image, text: captions, group, kind }))

const model = await VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, { projectionDim: 256, seed: 1 })
const processor = new VisionTextDualEncoderProcessor(
  await ImageProcessor.fromPretrained(vision),
  await Tokenizer.fromPretrained(text),
)
const pictures = (await samples('train')).slice(0, Number(values.pictures))
const heldOut = await samples('held-out')
const others = pictures.filter(({ kind }) => kind)
const trainer = new train.Trainer({
  model,
  processor,
  // The few photographs and surfaces count three times.
  data: [...pictures, ...others, ...others, ...(await classSamples(vision, pictures)), ...(values.all ? heldOut : [])],
  batchSize: 512,
  steps: Number(values.steps),
  rules: [['vision_model\\..*', null], train.topLayers({ text: 2 }), ['text_model\\..*', 0.2], ['.*', 1]],
  optimizer: { name: 'adamw', lr: 1e-3, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.1 },
  schedule: { kind: 'cosine', warmup: 0.04, end: 0.02 },
  augment: [
    train.horizontalFlip,
    train.sometimes(0.4, train.randomBackground()),
    train.randomAffine({ degrees: 12, translate: 0.12, scale: [0.75, 1.3] }),
    train.sometimes(0.25, train.randomResizedCrop({ scale: [0.3, 0.9] })),
    train.colorJitter({ brightness: 0.2, contrast: 0.3, saturation: 0.5 }),
  ],
  cache: { folder: `${cache}/lit-cache`, views: Number(values.views) },
  average: 0.99,
  ...(!values.all && { evaluate: { every: 150, data: heldOut.map((one) => ({ ...one, text: one.text[0] ?? '' })) } }),
  saveEvery: 150,
  output: values.output,
  resume: true,
})
await trainer.run({ onCache: (done, all) => done % 2048 === 0 && console.log(`cached ${done} of ${all}`) })
await write(values.output, await judge(values.output))
