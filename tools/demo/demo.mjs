// Labels and searches a dozen pictures with the model that ships, and says how far the logits of each backend are from
// Python's and from each other's. Run by `npm run demo`, which installs and builds what it needs first.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { topK, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { folder } from '@dual-encoder/model-pictures'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import { writeSheet } from './sheet.mjs'
import { bar, drawPictures, drawsPictures, heading } from './terminal.mjs'

const BEST = 3

const at = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))
const json = async (/** @type {string} */ name) => JSON.parse(await readFile(at(name), 'utf8'))
/** @type {{ file: string, label: string, search: string }[]} */
const pictures = (await json('pictures/pictures.json')).map((/** @type {{ file: string }} */ picture) => ({
  ...picture,
  file: at(`pictures/${picture.file}.jpg`),
}))
const images = pictures.map(({ file }) => file)
const text = pictures.map(({ label }) => `a photo of ${label}`)
const picture = (/** @type {number} */ index) => /** @type {(typeof pictures)[0]} */ (pictures[index])

const started = performance.now()
const model = await onnx.VisionTextDualEncoderModel.fromPretrained(folder)
const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
const { logitsPerImage, imageEmbeds } = await model.forward(await processor({ images, text }))
const elapsed = Math.round(performance.now() - started)
console.log(
  `@dual-encoder/model-pictures (EfficientNet-Lite0 + MiniLM): loaded, twelve pictures by twelve labels, in ${elapsed} ms.`,
)

heading(`Zero-shot labels: the best ${BEST} of ${text.length}`)
const probabilities = processor.postProcess({ logitsPerImage })
const labelled = pictures.map((one, row) => {
  const shares = probabilities.data.subarray(row * text.length, (row + 1) * text.length)
  const ranked = Array.from(shares, (share, index) => ({ label: picture(index).label, share }))
  return { ...one, ranked: ranked.sort((a, b) => b.share - a.share).slice(0, BEST) }
})
if (drawsPictures) await drawPictures(labelled.map(({ file, ranked }) => ({ file, caption: ranked[0]?.label ?? '' })))
let right = 0
for (const { label, ranked } of labelled) {
  const isRight = ranked[0]?.label === label
  right += Number(isRight)
  const shares = ranked.map((guess) => `${guess.label} ${(100 * guess.share).toFixed(0)}%`)
  console.log(`${isRight ? '✓' : '✗'} ${label.padEnd(26)} ${bar(ranked[0]?.share ?? 0)} ${shares.join(', ')}`)
}
console.log(`${right} of ${pictures.length} right.`)

heading('Search by sentences that do not name what they look for')
const queries = await processor({ text: pictures.map(({ search }) => search) })
const hits = topK(await model.getTextFeatures(queries, { normalize: true }), imageEmbeds, BEST)
let found = 0
const searches = pictures.map(({ search, label }, row) => {
  const best = (hits[row] ?? []).map(({ index, score }) => ({ ...picture(index), score }))
  const isFound = best[0]?.label === label
  found += Number(isFound)
  const names = best.map((hit) => `${hit.label} (${hit.score.toFixed(2)})`)
  console.log(`${isFound ? '✓' : '✗'} ${search.padEnd(38)} ${names.join(', ')}`)
  return { query: search, hits: best }
})
console.log(`${found} of ${pictures.length} found first.`)
if (!drawsPictures) {
  await writeSheet('demo.html', labelled, searches)
  console.log('The pictures: demo.html')
}

heading('Against Python (transformers, PyTorch): largest difference of any logit')
const expected = await json('expected.json')
const other = await tfjs.VisionTextDualEncoderModel.fromPretrained(folder)
const largest = (/** @type {ArrayLike<number>} */ given, /** @type {ArrayLike<number>} */ wanted) =>
  Array.from(given).reduce((most, value, i) => Math.max(most, Math.abs(value - (wanted[i] ?? NaN))), 0)
for (const [backend, logits] of Object.entries(expected.logits_per_image)) {
  const alike = await VisionTextDualEncoderProcessor.fromPretrained(folder, { backend })
  const batch = await alike({ images, text })
  const ours = await Promise.all([model, other].map(async (one) => (await one.forward(batch)).logitsPerImage.data))
  const line = (/** @type {string} */ name, /** @type {number} */ difference) =>
    console.log(`images as ${backend.padEnd(12)} ${name.padEnd(24)} ${difference.toExponential(2)}`)
  line('onnx', largest(ours[0] ?? [], logits.flat()))
  line(`tfjs ${other.tfBackend}`, largest(ours[1] ?? [], logits.flat()))
  line(`onnx against tfjs ${other.tfBackend}`, largest(ours[0] ?? [], ours[1] ?? []))
}
await Promise.all([model.dispose(), other.dispose()])
