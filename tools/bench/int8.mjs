// int8 and int8-fast against float32 on onnx, interleaved: ViT-B/16 and BERT-base of random weights (for time they do).
// `npm run build && node tools/bench/int8.mjs`; THREADS (2) and ROUNDS (9) are variables.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BertConfig, tensor, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'

const { THREADS = '2', ROUNDS = '9' } = process.env
/** Milliseconds before each call: the threads of the side before spin on for a while and would slow this one. */
const PAUSE = 200
const median = (/** @type {number[]} */ values) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bench-'))
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(new ViTConfig(), new BertConfig())
const drawn = await VisionTextDualEncoderModel.fromConfig(config)
await drawn.savePretrained(folder)
await drawn.dispose()
/** @type {[string, VisionTextDualEncoderModel][]} */
const sides = []
for (const dtype of /** @type {const} */ (['float32', 'int8', 'int8-fast'])) {
  const options = { threads: Number(THREADS), ...(dtype === 'float32' ? {} : { dtype }) }
  sides.push([dtype, await VisionTextDualEncoderModel.fromPretrained(folder, options)])
}

const images = (/** @type {number} */ batch) => {
  const pixelValues = tensor(
    Float32Array.from({ length: batch * 3 * 224 * 224 }, (_, i) => Math.sin(i * 12.9898)),
    [batch, 3, 224, 224],
  )
  return (/** @type {VisionTextDualEncoderModel} */ model) => model.getImageFeatures({ pixelValues })
}
const texts = (/** @type {number} */ batch, /** @type {number} */ length) => {
  const inputIds = tensor(
    BigInt64Array.from({ length: batch * length }, (_, i) => BigInt((i * 7919) % 30522)),
    [batch, length],
  )
  return (/** @type {VisionTextDualEncoderModel} */ model) => model.getTextFeatures({ inputIds })
}
const cases = { 'image 1': images(1), 'image 8': images(8), 'text 1x16': texts(1, 16), 'text 8x32': texts(8, 32) }
for (const [name, run] of Object.entries(cases)) {
  const times = sides.map(() => /** @type {number[]} */ ([]))
  // The first round makes sessions.
  for (let round = 0; round <= Number(ROUNDS); round++)
    for (const [i, [, model]] of sides.entries()) {
      await setTimeout(PAUSE)
      const start = performance.now()
      await run(model)
      if (round > 0) times[i]?.push(performance.now() - start)
    }
  const [whole = NaN, ...others] = times.map(median)
  const ratios = others.map((time, i) => `${sides[i + 1]?.[0]} ${time.toFixed(1)} ms (${(whole / time).toFixed(2)}x)`)
  console.log(`${name.padEnd(10)} float32 ${whole.toFixed(1)} ms   ${ratios.join('   ')}`)
}
for (const [, model] of sides) await model.dispose()
await rm(folder, { recursive: true })
