// The shipped model's pictures found in German, French and Spanish too: npm run model:languages [-- --steps 200 --output FOLDER]
// The picture side is locked, to the bit. The text tower knows words of these languages by dictionaries; its upper layers learn
// to tell by a phrase in any of the languages what the shipped model says of it in English. No picture is looked at.
import { parseArgs } from 'node:util'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as train from '@dual-encoder/train'
import { samples, shipped, start } from '../languages/build.mjs'
import { halfWay } from '../languages/half-way.mjs'
import { sameImages } from '../languages/same-images.mjs'
import { judge, write } from '../pictures/judge.mjs'
import { cache } from '../pictures/packages.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '200' },
    layers: { type: 'string', default: '2' },
    phrases: { type: 'string', default: '1000000' },
    output: { type: 'string', default: `${cache}/lit-languages` },
  },
})
const data = (await samples()).slice(0, Number(values.phrases))
const trainer = new train.Trainer({
  model: await VisionTextDualEncoderModel.fromPretrained(start),
  processor: await VisionTextDualEncoderProcessor.fromPretrained(start),
  data,
  // Among the vectors of a batch, its own: squared distances are so small that little is learned from them.
  loss: 'clip',
  batchSize: 512,
  steps: Number(values.steps),
  rules: [
    ['vision_model\\..*|visual_projection\\..*|logit_scale', null],
    // The layer that takes the mean stays one that does.
    ['text_model\\.encoder\\.layer\\.6\\.attention\\..*', null],
    train.topLayers({ text: Number(values.layers) }),
    ['.*', 1],
  ],
  optimizer: { name: 'adamw', lr: 5e-5, betas: [0.9, 0.98], eps: 1e-6, weightDecay: 0.1 },
  schedule: { kind: 'cosine', warmup: 0.04, end: 0.02 },
  dropout: false,
  cache: `${cache}/lit-cache`,
  average: 0.99,
  saveEvery: 100,
  output: `${values.output}-trained`,
  resume: true,
})
await trainer.run({ onCache: (done, all) => done % 2048 === 0 && console.log(`cached ${done} of ${all}`) })
// Half way back, English has lost least for what the other languages gained.
await halfWay(start, `${values.output}-trained`, values.output)
console.log(`${await sameImages(shipped, values.output)} pictures are embedded as before, to the bit.`)
await write(values.output, await judge(values.output, ['de', 'fr', 'es', 'it', 'nl', 'pt', 'sv', 'pl']))
