// For choosing between recipes: emoji of concepts that no phrase names, found by what emojibase calls them in each language.
//   node tools/languages/held-out.mjs MODEL_FOLDER
import { readFile } from 'node:fs/promises'
import { embedImages, retrievalScores, tensor, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { npmPackage } from '../pictures/packages.mjs'
import { readShards } from '../pictures/read.mjs'
import { LANGUAGES } from './dictionaries.mjs'

const [, , folder] = process.argv
if (!folder) throw new Error('Give the folder of a model.')
const base = await npmPackage('emojibase-data')
const model = await VisionTextDualEncoderModel.fromPretrained(folder)
const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder)
const pictures = (await readShards('held-out')).filter(({ key }) =>
  /^(twemoji|noto|openmoji|emojione|fxemoji)\//.test(key),
)
const width = model.config.projectionDim
const matrix = (/** @type {number[]} */ rows) => tensor(Float32Array.from(rows), [rows.length / width, width])

/** @type {number[]} */
const rows = []
const items = pictures.map(({ image }, id) => ({ id, image }))
for await (const { embedding, error } of embedImages(model, processor, items, { batchSize: 32 })) {
  if (error) throw error
  rows.push(...embedding)
}
for (const language of ['en', ...Object.keys(LANGUAGES)]) {
  /** @type {{ hexcode: string, label: string }[]} */
  const list = JSON.parse(await readFile(`${base}/${language}/data.json`, 'utf8'))
  const labels = new Map(list.map(({ hexcode, label }) => [hexcode.toLowerCase(), label]))
  const own = pictures.map(({ key }) => labels.get(key.split('/')[1] ?? '') ?? '')
  const captions = [...new Set(own)].sort()
  /** @type {number[]} */
  const embeds = []
  for (let i = 0; i < captions.length; i += 32) {
    const text = captions.slice(i, i + 32)
    const inputs = await processor({ text, padding: 'max_length', maxLength: 32, truncation: true })
    embeds.push(...(await model.getTextFeatures(inputs, { normalize: true })).data)
  }
  const imageOf = own.map((caption) => captions.indexOf(caption))
  const { textToImage, imageToText } = await retrievalScores(matrix(embeds), matrix(rows), imageOf)
  const shown = (/** @type {Readonly<Record<number, number>>} */ recall) =>
    [1, 5, 10].map((k) => (100 * (recall[k] ?? 0)).toFixed(1)).join(' / ')
  console.log(`${language}: ${shown(textToImage.recallAt)}; ${shown(imageToText.recallAt)}`)
}
await model.dispose()
