// int8 and int8-fast against float32 on onnx, interleaved; models of random weights (for time they do).
// `npm run build && MODEL=clip node tools/bench/int8.mjs`. MODEL is `pair` (ViT-B/16 and BERT-base, the default), `clip`
// (CLIP ViT-B/16), `siglip` (SigLIP base, patches of 16) or `bert` (BERT-base alone); THREADS (2), ROUNDS (9) and CALLS (1), of a
// round in a row, are variables.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { TextTower } from '@dual-encoder/onnx'
import { embedTexts, modelOf } from './int8-models.mjs'
import { pictures, texts } from './inputs.mjs'
import { median } from './median.mjs'

const { MODEL = 'pair', THREADS = '2', ROUNDS = '9', CALLS = '1' } = process.env
/** Milliseconds before each call: the threads of the side before spin on for a while and would slow this one. */
const PAUSE = 200

const chosen = modelOf(MODEL)
const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bench-'))
const drawn = await chosen.draw()
await drawn.savePretrained(folder)
await drawn.dispose()
/** @typedef {import('@dual-encoder/onnx').OnnxModel | TextTower} Side */
/** @type {[string, Side][]} */
const sides = []
for (const dtype of /** @type {const} */ (['float32', 'int8', 'int8-fast'])) {
  const options = { threads: Number(THREADS), ...(dtype === 'float32' ? {} : { dtype }) }
  sides.push([dtype, await chosen.Loaded.fromPretrained(folder, options)])
}

/** @typedef {(model: Side) => Promise<unknown>} Case */
/** @type {(batch: number) => Case} */
const images = (batch) => {
  const inputs = pictures(batch)
  return async (model) => !(model instanceof TextTower) && model.getImageFeatures(inputs)
}
/** @type {(batch: number, length: number) => Case} */
const ofTexts = (batch, length) => {
  const inputs = texts(batch, length)
  return (model) => embedTexts(model, inputs)
}
/** @type {(batch: number, length: number) => Case} */
const whole = (batch, length) => {
  const inputs = { ...pictures(batch), ...texts(batch, length) }
  return async (model) => !(model instanceof TextTower) && model.forward(inputs)
}
const [short = 0, long = 0] = chosen.lengths
/** @type {Record<string, Case>} */
const cases = {
  ...(MODEL === 'bert' ? {} : { 'image 1': images(1), 'image 8': images(8) }),
  [`text 1x${short}`]: ofTexts(1, short),
  [`text 8x${long}`]: ofTexts(8, long),
  ...(MODEL === 'bert' ? { 'text 8x128': ofTexts(8, 128) } : { 'whole 1': whole(1, short), 'whole 8': whole(8, long) }),
}
console.log(`MODEL=${MODEL}, ${THREADS} threads; medians of ${ROUNDS} rounds.`)
for (const [name, run] of Object.entries(cases)) {
  const times = sides.map(() => /** @type {number[]} */ ([]))
  // The first round makes sessions.
  for (let round = 0; round <= Number(ROUNDS); round++)
    for (const [i, [, model]] of sides.entries()) {
      await setTimeout(PAUSE)
      const start = performance.now()
      for (let call = 0; call < Number(CALLS); call++) await run(model)
      if (round > 0) times[i]?.push((performance.now() - start) / Number(CALLS))
    }
  const [base = NaN, ...others] = times.map(median)
  const ratios = others.map((time, i) => `${sides[i + 1]?.[0]} ${time.toFixed(1)} ms (${(base / time).toFixed(2)}x)`)
  console.log(`${name.padEnd(10)} float32 ${base.toFixed(1)} ms   ${ratios.join('   ')}`)
}
for (const [, model] of sides) await model.dispose()
await rm(folder, { recursive: true })
