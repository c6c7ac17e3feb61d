import {
  createImageProcessor,
  Tokenizer,
  VisionTextDualEncoderConfig,
  VisionTextDualEncoderProcessor,
} from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { horizontalFlip, randomResizedCrop, Trainer, type TrainerOptions } from '@dual-encoder/train'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { WORKS } from '../../tools/bench/training-works.mjs'
import { record } from './record'

const CHECKPOINT = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))

interface Run {
  readonly what: string
  readonly work: keyof typeof WORKS
  readonly batchSize: number
  readonly steps: number
  readonly options?: Partial<TrainerOptions>
}

const RUNS: readonly Run[] = [
  { what: 'ViT-Tiny/16 + BERT-tiny, both trained, 16 pictures a step', work: 'both', batchSize: 16, steps: 8 },
  {
    what: 'the same, 64 pictures a step; the third evaluated and saved',
    work: 'both',
    batchSize: 64,
    steps: 4,
    options: { saveEvery: 3 },
  },
  {
    what: "a text tower of MiniLM's size against a locked image tower that is cached, 64 pairs a step, each step saved",
    work: 'text',
    batchSize: 64,
    steps: 6,
    options: { saveEvery: 1, rules: [['vision_model\\..*', null], ['.*', 1]] }, // prettier-ignore
  },
]

/** What a timer of 1 ms waits at most, from step to step. */
class Waits {
  readonly waits: number[] = []
  readonly steps: number[] = []
  #last = performance.now()
  #begun = this.#last
  #longest = 0
  readonly #timer = setInterval(() => {
    const now = performance.now()
    this.#longest = Math.max(this.#longest, now - this.#last)
    this.#last = now
  }, 1)

  next(): void {
    this.waits.push(Math.round(this.#longest))
    this.steps.push(Math.round(performance.now() - this.#begun))
    this.#begun = performance.now()
    this.#longest = 0
  }
  end(): void {
    clearInterval(this.#timer)
    this.next()
  }
}

async function measured({ what, work, batchSize, steps, options }: Run) {
  const { vision_config: vision } = WORKS[work]
  const model = await VisionTextDualEncoderModel.fromConfig(VisionTextDualEncoderConfig.fromJSON(WORKS[work]), {
    seed: 1,
  })
  const size = { height: vision.image_size, width: vision.image_size }
  const processor = new VisionTextDualEncoderProcessor(
    createImageProcessor({ image_processor_type: 'ViTImageProcessor', size }),
    await Tokenizer.fromPretrained(CHECKPOINT),
  )
  const samples = readdirSync(`${CHECKPOINT}/samples`)
  const data = Array.from({ length: 2 * batchSize }, (_, i) => {
    const name = samples[i % samples.length]!
    return { key: String(i), image: `${CHECKPOINT}/samples/${name}`, text: `${name.replace('.png', '')} ${i}` }
  })
  const folder = mkdtempSync(join(tmpdir(), 'thread-'))
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize,
    steps,
    optimizer: { name: 'adamw', lr: 1e-3 },
    augment: [horizontalFlip, randomResizedCrop({ scale: [0.5, 1] })],
    progress: false,
    ...(options && {
      ...options,
      output: join(folder, 'out'),
      cache: join(folder, 'cache'),
      evaluate: { every: 3, data: data.slice(0, 40) },
    }),
  })
  const stop = new AbortController()
  let [asked, heard] = [0, 0]
  stop.signal.addEventListener('abort', () => (heard = performance.now()))
  const waits = new Waits()
  const run = trainer.run({
    signal: stop.signal,
    onStep: ({ step }) => {
      waits.next()
      if (step !== steps - 2) return
      setTimeout(() => {
        asked = performance.now()
        stop.abort()
      }, 100)
    },
  })
  await expect(run).rejects.toMatchObject({ name: 'AbortError' })
  const ended = performance.now()
  waits.end()
  await model.dispose()
  rmSync(folder, { recursive: true, force: true })
  const times = { waits: waits.waits, steps: waits.steps }
  return { what, ...times, heard: Math.round(heard - asked), ended: Math.round(ended - asked) }
}

it('the thread that asks is free while a run begins, steps, evaluates and saves: timers, an abort', async () => {
  const runs = []
  for (const run of RUNS) runs.push(await measured(run))
  await record('training-thread', {
    what: 'on the thread that asks, from the call of run on: the longest that a timer of 1 ms waited until each step was done (its graph is made in it; the last, until the run had ended), what that step took, and what an abort took to be heard and to end the run (ms)',
    runs,
  })
  for (const { waits, heard } of runs) for (const time of [...waits, heard]) expect(time).toBeLessThan(50)
}, 600_000)
