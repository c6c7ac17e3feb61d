// The shipped model's pictures found in German, French and Spanish too: npm run model:languages [-- --steps 170 --output FOLDER]
// The picture side and all layers are locked, to the bit. The text tower knows words of these languages by dictionaries; their
// vectors learn to tell by a phrase in any of the languages what the shipped model says of it in English. No picture is looked at.
import { parseArgs } from 'node:util'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as train from '@dual-encoder/train'
import { samples, shipped, start } from '../languages/build.mjs'
import { sameImages } from '../languages/same-images.mjs'
import { judge, write } from '../pictures/judge.mjs'
import { cache } from '../pictures/packages.mjs'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '170' },
    output: { type: 'string', default: `${cache}/lit-languages` },
  },
})
const data = await samples()
const trainer = new train.Trainer({
  model: await VisionTextDualEncoderModel.fromPretrained(start),
  processor: await VisionTextDualEncoderProcessor.fromPretrained(start),
  data,
  // Among the vectors of a batch, its own: squared distances are so small that little is learned from them.
  loss: 'clip',
  batchSize: 256,
  steps: Number(values.steps),
  rules: [
    ['text_model\\.embeddings\\.word_embeddings\\.weight', 1],
    ['.*', null],
  ],
  optimizer: { name: 'adamw', lr: 4e-4, betas: [0.9, 0.98], eps: 1e-8, weightDecay: 0 },
  schedule: { kind: 'cosine', warmup: 0.04, end: 0.02 },
  dropout: false,
  saveEvery: 40,
  output: values.output,
  resume: true,
})
await trainer.run({
  onStep: ({ step, loss }) => step % 10 === 0 && console.log(`step ${step}: loss ${loss.toFixed(4)}`),
})
console.log(`${await sameImages(shipped, values.output)} pictures are embedded as before, to the bit.`)
await write(values.output, await judge(values.output, ['de', 'fr', 'es', 'it', 'nl', 'pt', 'sv', 'pl']))
