// Our side of training.mjs: `node training-child.mjs <onnx or tfjs> <folder for caches> <threads> <work>`, then a line of
// JSON for each request { kind, batch, chunkSize, warm, steps }; answers { ms, cpu, peak } for a step, and the most memory of the
// process in MB.
import { readFileSync } from 'node:fs'
import { VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { topLayers, Trainer } from '@dual-encoder/train'
import { answerLines } from './child.mjs'
import { WORKS } from './training-works.mjs'

const [backend, folder, threads, name] = process.argv.slice(2)
const LENGTH = 16

const work = WORKS[name]
const size = work.vision_config.image_size
const values = size * size * 3
const config = VisionTextDualEncoderConfig.fromJSON(work)
const { VisionTextDualEncoderModel } = await import(`@dual-encoder/${backend}`)
const options = { seed: 1, threads: Number(threads), ...(backend === 'tfjs' && { backend: 'wasm' }) }
const model = await VisionTextDualEncoderModel.fromConfig(config, options)

/** Texts are numbers: sixteen tokens that they decide. */
function processor(inputs) {
  if ('images' in inputs) {
    const { images } = inputs
    const data = new Float32Array(images.length * values)
    for (const [row, image] of images.entries())
      for (let i = 0; i < values; i++) data[row * values + i] = image.data[i] / 255
    return Promise.resolve({ pixelValues: { dims: [images.length, 3, size, size], dtype: 'float32', data } })
  }
  const dims = [inputs.text.length, LENGTH]
  const ids = inputs.text.flatMap((text) =>
    Array.from({ length: LENGTH }, (_, i) => BigInt((Number(text) * 7919 + i * 104729) % 30522)),
  )
  const int64 = (data) => ({ dims, dtype: 'int64', data })
  return Promise.resolve({
    inputIds: int64(BigInt64Array.from(ids)),
    attentionMask: int64(new BigInt64Array(ids.length).fill(1n)),
  })
}

const vectorOf = (n) => Float32Array.from({ length: 384 }, (_, i) => Math.sin(n * 12.9898 + i * 78.233))

const image = (n) => ({ data: new Uint8Array(values).fill(n), width: size, height: size, channels: 3 })

/** What each kind of step trains. */
const KINDS = {
  cached: {
    image,
    cache: folder,
    rules: [
      ['vision_model\\..*', null],
      ['.*', 1],
    ],
  },
  embeds: {
    rules: [
      ['vision_model\\..*|visual_projection.*', null],
      ['.*', 1],
    ],
  },
  both: { image, rules: [['.*', 1]] },
  lit: { image, cache: folder, patchDropout: 0.75, rules: [topLayers({ vision: 3, text: 2 }), ['.*', 1]] },
}

/** `warm` steps come before those that count: the first makes the graph. */
async function time({ kind, batch, chunkSize, warm, steps }) {
  const { image, ...options } = KINDS[kind]
  const data = Array.from({ length: 2 * batch }, (_, n) => ({
    text: String(n),
    key: String(n),
    ...(image ? { image: image(n) } : { vector: vectorOf(n) }),
  }))
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize: batch,
    chunkSize,
    steps: warm + steps,
    positives: 'diagonal',
    optimizer: { name: 'adamw', lr: 1e-4, weightDecay: 0.1 },
    progress: false,
    ...options,
  })
  let [start, cpu] = [0, 0]
  const used = () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  await trainer.run({
    onStep: ({ step }) => {
      if (step === warm) [start, cpu] = [performance.now(), used()]
      if (step === warm + steps) [start, cpu] = [(performance.now() - start) / steps, (used() - cpu) / steps]
    },
  })
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
  return { ms: start, cpu, peak }
}

await answerLines(time)
