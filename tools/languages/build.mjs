// What the recipe of languages begins with, in .cache/pictures/languages: the model to learn, and phrases with what the shipped
// model's text tower says of them in English.
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { convert, Tokenizer } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { cache } from '../pictures/packages.mjs'
import { phrases } from './phrases.mjs'
import { withWords } from './vocabulary.mjs'

const folder = `${cache}/languages`
/** The shipped model's values as float32: what everything is compared to. */
export const shipped = `${folder}/shipped`
export const start = `${folder}/start`
const BATCH = 128

/** @param {string} name @param {(partial: string) => Promise<unknown>} make */
async function once(name, make) {
  if (existsSync(name)) return
  await make(`${name}.partial`)
  await rename(`${name}.partial`, name)
}

/** The shipped model with words of other languages. */
async function startOf(/** @type {string} */ target) {
  await cp(shipped, target, { recursive: true })
  await withWords(shipped, target)
}

/** @param {import('./phrases.mjs').Phrase[]} all what the shipped model makes of their English */
async function vectorsOf(all) {
  const model = await VisionTextDualEncoderModel.fromPretrained(shipped)
  const tokenizer = await Tokenizer.fromPretrained(shipped)
  const width = model.config.projectionDim
  const vectors = new Float32Array(all.length * width)
  for (let i = 0; i < all.length; i += BATCH) {
    const text = all.slice(i, i + BATCH).map(({ english }) => english)
    const inputs = await tokenizer(text, { padding: true, padToMultipleOf: 8, maxLength: 32, truncation: true })
    const { data } = await model.getTextFeatures(inputs, { normalize: true })
    vectors.set(data, i * width)
    if (i % (20 * BATCH) === 0) console.log(`${i} of ${all.length} phrases`)
  }
  await model.dispose()
  return vectors
}

/** Phrases with the vectors that they are to get. */
export async function samples() {
  await mkdir(folder, { recursive: true })
  await once(shipped, (target) =>
    convert(fileURLToPath(new URL('../../packages/model-pictures/model', import.meta.url)), target, {
      dtype: 'float32',
    }),
  )
  await once(start, startOf)
  await once(`${folder}/phrases.json`, async (target) => writeFile(target, JSON.stringify(await phrases())))
  /** @type {import('./phrases.mjs').Phrase[]} */
  const all = JSON.parse(await readFile(`${folder}/phrases.json`, 'utf8'))
  await once(`${folder}/vectors.bin`, async (target) =>
    writeFile(target, new Uint8Array((await vectorsOf(all)).buffer)),
  )
  const vectors = new Float32Array(Uint8Array.from(await readFile(`${folder}/vectors.bin`)).buffer)
  const width = vectors.length / all.length
  return all.map(({ english, texts }, i) => ({
    text: texts,
    vector: vectors.subarray(i * width, (i + 1) * width),
    group: english,
  }))
}
