import { readFile } from 'node:fs/promises'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'

const folder = process.argv[2]
const { images, labels } = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8'))
const model = await VisionTextDualEncoderModel.fromPretrained(folder)
const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
const { logitsPerImage } = await model.forward(
  await processor({ text: labels, images: [`${folder}/samples/${images[0]}`], padding: true }),
)
const logits = [...logitsPerImage.data]
console.log(JSON.stringify({ best: labels[logits.indexOf(Math.max(...logits))], logits }))
await model.dispose()
