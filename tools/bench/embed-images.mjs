// embedImages against its two halves by themselves: `npm run build && node tools/bench/embed-images.mjs [folder]`.
// The folder is a checkpoint's (default: the small model of the parity tests).
import { fileURLToPath } from 'node:url'
import { embedImages, ImageProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import sharp from 'sharp'

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../../parity-tests/models/emoji-vit-bert', import.meta.url))
const COUNT = Number(process.env.COUNT ?? 2000)
const ROUNDS = Number(process.env.ROUNDS ?? 3)
const BATCH = 16

const pictures = await Promise.all(
  Array.from({ length: 20 }, (_, seed) => {
    const data = Uint8Array.from({ length: 320 * 240 * 3 }, (_, i) => (i * (seed + 3) + (i >> 9) * 31) & 255)
    return sharp(data, { raw: { width: 320, height: 240, channels: 3 } })
      .jpeg()
      .toBuffer()
  }),
)
const model = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
const imageProcessor = await ImageProcessor.fromPretrained(FOLDER)
const batch = Array.from({ length: BATCH }, (_, i) => pictures[i % pictures.length])
const { pixelValues } = await imageProcessor(batch)

function* items() {
  for (let id = 0; id < COUNT; id++) yield { id, image: pictures[id % pictures.length] }
}
const runs = {
  decoding: async () => {
    for (let i = 0; i < COUNT; i += BATCH) await imageProcessor(batch)
  },
  model: async () => {
    for (let i = 0; i < COUNT; i += BATCH) await model.getImageFeatures({ pixelValues }, { normalize: true })
  },
  embedImages: async () => {
    let count = 0
    for await (const { embedding } of embedImages(model, { imageProcessor }, items(), { batchSize: BATCH }))
      if (embedding) count++
    if (count !== COUNT) throw new Error(`${count} of ${COUNT} pictures were embedded`)
  },
}
const times = { decoding: [], model: [], embedImages: [] }
for (let round = 0; round < ROUNDS; round++)
  for (const [name, run] of Object.entries(runs)) {
    const start = performance.now()
    await run()
    times[name].push(performance.now() - start)
  }
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const rate = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, (COUNT / median(values)) * 1000]))
for (const [name, value] of Object.entries(rate)) console.log(`${name.padEnd(12)} ${value.toFixed(0)} pictures/s`)
const share = rate.embedImages / Math.min(rate.decoding, rate.model)
console.log(`embedImages runs at ${(share * 100).toFixed(0)} % of the slower half`)
await model.dispose()
