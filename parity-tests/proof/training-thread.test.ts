import {
  createImageProcessor,
  Tokenizer,
  VisionTextDualEncoderConfig,
  VisionTextDualEncoderProcessor,
} from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { horizontalFlip, randomResizedCrop, Trainer } from '@dual-encoder/train'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { WORKS } from '../../tools/bench/training-works.mjs'
import { record } from './record'

const CHECKPOINT = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))
const STEPS = 12
const rounded = (values: readonly number[]) => values.map((value) => Math.round(value))

it('the thread that asks is free while a step runs: timers, an abort', async () => {
  const model = await VisionTextDualEncoderModel.fromConfig(VisionTextDualEncoderConfig.fromJSON(WORKS.both), {
    seed: 1,
  })
  const processor = new VisionTextDualEncoderProcessor(
    createImageProcessor({ image_processor_type: 'ViTImageProcessor', size: { height: 224, width: 224 } }),
    await Tokenizer.fromPretrained(CHECKPOINT),
  )
  const samples = readdirSync(`${CHECKPOINT}/samples`)
  const data = Array.from({ length: 32 }, (_, i) => {
    const name = samples[i % samples.length]!
    return { key: String(i), image: `${CHECKPOINT}/samples/${name}`, text: `${name.replace('.png', '')} ${i}` }
  })
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize: 16,
    steps: STEPS,
    optimizer: { name: 'adamw', lr: 1e-3 },
    augment: [horizontalFlip, randomResizedCrop({ scale: [0.5, 1] })],
    progress: false,
  })
  const stop = new AbortController()
  const [waits, steps]: [number[], number[]] = [[], []]
  let [last, begun, longest] = [performance.now(), performance.now(), 0]
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 1)
  let [asked, heard] = [0, 0]
  stop.signal.addEventListener('abort', () => (heard = performance.now()))
  const run = trainer.run({
    signal: stop.signal,
    onStep: ({ step }) => {
      waits.push(longest)
      steps.push(performance.now() - begun)
      ;[begun, longest] = [performance.now(), 0]
      if (step === STEPS - 2)
        setTimeout(() => {
          asked = performance.now()
          stop.abort()
        }, 100)
    },
  })
  await expect(run).rejects.toMatchObject({ name: 'AbortError' })
  const ended = performance.now()
  clearInterval(timer)
  await model.dispose()
  await record('training-thread', {
    what: 'ViT-Tiny/16 + BERT-tiny, both trained, 16 pictures a step, on the thread that asks: the longest that a timer of 1 ms waited in each step, what the step took, and what an abort took to be heard and to end the run (ms)',
    waits: rounded(waits),
    steps: rounded(steps),
    heard: Math.round(heard - asked),
    ended: Math.round(ended - asked),
  })
  expect(heard - asked).toBeLessThan(50)
  // The first two make graphs.
  const [, , ...later] = waits
  expect(later.toSorted((a, b) => a - b)[Math.floor(later.length / 2)]).toBeLessThan(50)
}, 600_000)
