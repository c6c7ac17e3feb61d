// Classifies and searches real pictures with the embedded emoji model, and says how far the logits of each
// backend are from Python's and from each other's. Run by `npm run demo`, which installs and builds what it needs first.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { topK, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'

const folder = fileURLToPath(new URL('../../parity-tests/models/emoji-vit-bert', import.meta.url))
const expected = JSON.parse(await readFile(`${folder}/expected.json`, 'utf8'))
const { images, labels } = expected
const files = images.map((name) => `${folder}/samples/${name}`)
const bar = (share, width = 20) => '█'.repeat(Math.round(share * width)).padEnd(width, '·')
const heading = (text) => console.log(`\n\x1b[1m${text}\x1b[0m`)

const started = performance.now()
const model = await onnx.VisionTextDualEncoderModel.fromPretrained(folder)
const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
const inputs = await processor({ text: labels, images: files })
const { logitsPerImage, imageEmbeds } = await model.forward(inputs)
console.log(
  `Loaded emoji-vit-bert (ViT + BERT, ${Math.round(performance.now() - started)} ms with the first ${images.length} x ${labels.length} logits).`,
)

heading('Zero-shot classification: probability of the best three labels')
const probabilities = processor.postProcess({ logitsPerImage })
let right = 0
images.forEach((name, row) => {
  const ranked = labels
    .map((label, index) => ({ label, share: probabilities.data[row * labels.length + index] }))
    .sort((a, b) => b.share - a.share)
  const correct = ranked[0].label === labels[row]
  right += correct
  const [best, ...next] = ranked.slice(0, 3).map(({ label, share }) => `${label} ${(100 * share).toFixed(1)}%`)
  console.log(`${correct ? '✓' : '✗'} ${name.padEnd(19)} ${bar(ranked[0].share)} ${best.padEnd(22)} ${next.join(', ')}`)
})
const bestOf = (row) => row.indexOf(Math.max(...row))
const pythonRight = expected.logits_per_image_torchvision.filter((row, index) => bestOf(row) === index).length
console.log(`${right} of ${images.length} right; Python: ${pythonRight}.`)

heading('Search by text: the three nearest pictures')
const queries = ['a dog', 'a slice of pizza', 'red fruit', 'aeroplane', 'smiling sun', 'a cat']
const text = await processor({ text: queries })
const queryEmbeds = await model.getTextFeatures(text, { normalize: true })
topK(queryEmbeds, imageEmbeds, 3).forEach((hits, row) => {
  const found = hits.map(({ index, score }) => `${images[index].replace('.png', '')} (${score.toFixed(2)})`)
  console.log(`${queries[row].padEnd(22)} ${found.join(', ')}`)
})

heading('Against Python (transformers 5.18, PyTorch): largest difference of any logit')
const other = await tfjs.VisionTextDualEncoderModel.fromPretrained(folder)
const largest = (given, wanted) => given.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0)
const python = { torchvision: expected.logits_per_image_torchvision, pil: expected.logits_per_image }
let between = 0
for (const [backend, logitsOfPython] of Object.entries(python)) {
  const imageProcessing = await VisionTextDualEncoderProcessor.fromPretrained(folder, { backend })
  const batch = await imageProcessing({ text: labels, images: files })
  const [onOnnx, onTfjs] = [await model.forward(batch), await other.forward(batch)].map(
    (output) => output.logitsPerImage.data,
  )
  between = Math.max(between, largest(onOnnx, onTfjs))
  const wanted = logitsOfPython.flat()
  const line = (name, logits) =>
    console.log(`${name.padEnd(11)} images as ${backend.padEnd(12)} ${largest(logits, wanted).toExponential(2)}`)
  line('onnx', onOnnx)
  line(`tfjs ${other.tfBackend}`, onTfjs)
}
console.log(`onnx against tfjs ${other.tfBackend}: ${between.toExponential(2)}`)
await Promise.all([model.dispose(), other.dispose()])
