// embedImages against its two halves by themselves, with the small model of the parity tests and a ViT-B/16 of random
// weights: `npm run build && node tools/bench/embed-images.mjs`. ROUNDS (default 3).
import { fileURLToPath } from 'node:url'
import {
  BertConfig,
  createImageProcessor,
  embedImages,
  ImageProcessor,
  VisionTextDualEncoderConfig,
  ViTConfig,
} from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import sharp from 'sharp'
import { median } from './median.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const BATCH = 16
const SMALL = fileURLToPath(new URL('../../parity-tests/models/emoji-vit-bert', import.meta.url))

const small = async () => [
  await VisionTextDualEncoderModel.fromPretrained(SMALL),
  await ImageProcessor.fromPretrained(SMALL),
]
const base = async () => {
  const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig(),
    new BertConfig({ hiddenSize: 64, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 64, vocabSize: 100 }),
  )
  return [
    await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 }),
    createImageProcessor({ image_processor_type: 'ViTImageProcessor', size: { height: 224, width: 224 } }),
  ]
}

const picturesOf = (width, height) =>
  Promise.all(
    Array.from({ length: 20 }, (_, seed) => {
      const data = Uint8Array.from({ length: 320 * 240 * 3 }, (_, i) => (i * (seed + 3) + (i >> 9) * 31) & 255)
      return sharp(data, { raw: { width: 320, height: 240, channels: 3 } })
        .resize(width, height)
        .jpeg()
        .toBuffer()
    }),
  )

async function measure(title, make, [width, height], count) {
  const [model, imageProcessor] = await make()
  const pictures = await picturesOf(width, height)
  const batch = Array.from({ length: BATCH }, (_, i) => pictures[i % pictures.length])
  const { pixelValues } = await imageProcessor(batch)
  function* items() {
    for (let id = 0; id < count; id++) yield { id, image: pictures[id % pictures.length] }
  }
  const runs = {
    pictures: async () => {
      for (let i = 0; i < count; i += BATCH) await imageProcessor(batch)
    },
    model: async () => {
      for (let i = 0; i < count; i += BATCH) await model.getImageFeatures({ pixelValues }, { normalize: true })
    },
    embedImages: async () => {
      let embedded = 0
      for await (const { embedding } of embedImages(model, { imageProcessor }, items(), { batchSize: BATCH }))
        if (embedding) embedded++
      if (embedded !== count) throw new Error(`${embedded} of ${count} pictures were embedded`)
    },
  }
  await runs.model()
  const times = Object.fromEntries(Object.keys(runs).map((name) => [name, { wall: [], cpu: [] }]))
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(runs)) {
      const [start, before] = [performance.now(), process.cpuUsage()]
      await run()
      const { user, system } = process.cpuUsage(before)
      times[name].wall.push((performance.now() - start) / count)
      times[name].cpu.push((user + system) / 1000 / count)
    }
  const of = (name) => ({ wall: median(times[name].wall), cpu: median(times[name].cpu) })
  console.log(title)
  for (const name of Object.keys(runs)) {
    const { wall, cpu } = of(name)
    const rate = (1000 / wall).toFixed(wall > 100 ? 1 : 0).padStart(6)
    console.log(`  ${name.padEnd(12)} ${rate} pictures/s, ${cpu.toFixed(2)} ms of processor time each`)
  }
  const slower = Math.max(of('pictures').wall, of('model').wall)
  console.log(`  embedImages runs at ${((slower / of('embedImages').wall) * 100).toFixed(0)} % of the slower half`)
  await model.dispose()
}

await measure('small model, 320x240', small, [320, 240], 2000)
await measure('small model, 4000x3000', small, [4000, 3000], 160)
await measure('ViT-B/16, 640x480', base, [640, 480], 160)
