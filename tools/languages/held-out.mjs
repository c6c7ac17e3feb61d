// For choosing between recipes: emoji of concepts that no phrase names, found by what emojibase calls them in each language.
//   node tools/languages/held-out.mjs MODEL_FOLDER
import { readFile } from 'node:fs/promises'
import { retrievalScores, tensor, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { BATCH, embedded, padded } from '../pictures/embed.mjs'
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
const images = await embedded(model, processor, pictures)
for (const language of ['en', ...Object.keys(LANGUAGES)]) {
  /** @type {{ hexcode: string, label: string }[]} */
  const list = JSON.parse(await readFile(`${base}/${language}/data.json`, 'utf8'))
  const labels = new Map(list.map(({ hexcode, label }) => [hexcode.toLowerCase(), label]))
  const own = pictures.map(({ key }) => labels.get(key.split('/')[1] ?? '') ?? '')
  const captions = [...new Set(own)].sort()
  /** @type {number[]} */
  const embeds = []
  for (let i = 0; i < captions.length; i += BATCH) {
    const inputs = await padded(processor, captions.slice(i, i + BATCH))
    embeds.push(...(await model.getTextFeatures(inputs, { normalize: true })).data)
  }
  const imageOf = own.map((caption) => captions.indexOf(caption))
  const { textToImage, imageToText } = await retrievalScores(
    tensor(Float32Array.from(embeds), [captions.length, model.config.projectionDim]),
    images,
    imageOf,
  )
  const shown = (/** @type {Readonly<Record<number, number>>} */ recall) =>
    [1, 5, 10].map((k) => (100 * (recall[k] ?? 0)).toFixed(1)).join(' / ')
  console.log(`${language}: ${shown(textToImage.recallAt)}; ${shown(imageToText.recallAt)}`)
}
await model.dispose()
