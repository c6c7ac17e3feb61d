const { readFile } = require('node:fs/promises')
const { VisionTextDualEncoderProcessor } = require('@dual-encoder/core')
const { VisionTextDualEncoderModel } = require('@dual-encoder/onnx')

async function main() {
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
}
main()
