import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import {
  type IndexedData,
  lit,
  optimizerOf,
  planOf,
  Trainer,
  type TrainerOptions,
  updateRule,
} from '@dual-encoder/train'
import * as tf from '@tensorflow/tfjs-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inputsOf } from './fixtures'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))

interface Case {
  readonly adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number }
  readonly losses: readonly number[]
}

/** A run of the fixture's AdamW, which decays every parameter. */
async function setUp(name: string, options: { clip?: number; average?: boolean } = {}) {
  const folder = `${FIXTURES}gradients/${name}`
  const { adamw, losses } = JSON.parse(await readFile(`${folder}/case.json`, 'utf8')) as Case
  const { lr, weight_decay: weightDecay, ...rest } = adamw
  const model = await VisionTextDualEncoderModel.fromPretrained(`${FIXTURES}towers/${name}`)
  const { grads } = await model.gradients(await inputsOf(folder))
  const shapes = new Map([...grads].map(([key, { dims }]) => [key, dims]))
  const optimizer = optimizerOf({ name: 'adamw', weightDecay, ...rest })
  const trained = planOf(shapes, [['.*', 1]]).trained.map((parameter) => ({ ...parameter, decay: true }))
  const plan = {
    loss: 'clip' as const,
    trained: trained.map((parameter) => parameter.name),
    rule: updateRule({ optimizer, trained, ...options }),
  }
  return {
    model,
    grads,
    losses,
    inputs: await inputsOf(folder),
    plan,
    numbersOf: (step: number) => optimizer.numbers(step, lr),
  }
}

describe.each(['vit-bert', 'beit-roberta', 'clip-bert'])('%s', (name) => {
  it.each([
    ['whole', undefined],
    ['in chunks with an uneven last one', 2],
  ])("follows PyTorch's losses through five steps of AdamW inside the engine, batches %s", async (_, chunkSize) => {
    const { model, losses, inputs, plan, numbersOf } = await setUp(name)
    const run = await model.train(plan)
    for (const [i, wanted] of losses.entries()) {
      const { loss } = await run.step(inputs, { numbers: numbersOf(i + 1), chunkSize })
      expect(Math.abs(loss - wanted)).toBeLessThan(1e-5)
    }
    await run.dispose()
    await model.dispose()
  })
})

it.each(['vit-bert', 'beit-roberta'])(
  '%s: a seed drops the same on onnx and on tfjs, batches whole and in chunks',
  async (name) => {
    const { model, inputs, plan, numbersOf } = await setUp(name)
    const other = await tfjs.VisionTextDualEncoderModel.fromPretrained(`${FIXTURES}towers/${name}`, { backend: 'cpu' })
    const params = await other.params()
    const { value, grads } = other.valueAndGrads(params, inputs, { train: true, dropoutSeed: 7 })
    const wanted = (await value.data())[0]!
    tf.dispose([params, value, grads] as tf.TensorContainer)
    const lossOf = async (dropoutSeed: number | undefined, chunkSize?: number) => {
      const run = await model.train(plan)
      const { loss } = await run.step(inputs, { numbers: numbersOf(1), dropoutSeed, chunkSize })
      await run.dispose()
      return loss
    }
    expect(Math.abs((await lossOf(7)) - wanted)).toBeLessThan(1e-5)
    expect(Math.abs((await lossOf(7, 2)) - wanted)).toBeLessThan(1e-5)
    expect(Math.abs((await lossOf(8)) - wanted)).toBeGreaterThan(1e-3)
    expect(Math.abs((await lossOf(undefined)) - wanted)).toBeGreaterThan(1e-3)
    await model.dispose()
    await other.dispose()
  },
)

describe('Trainer', () => {
  const CHECKPOINT = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))
  let output: string
  beforeEach(async () => void (output = await mkdtemp(join(tmpdir(), 'dual-encoder-train-'))))
  afterEach(() => rm(output, { recursive: true }))

  async function trainerOf(options: Partial<TrainerOptions>, model: VisionTextDualEncoderModel) {
    const pictures = await readdir(`${CHECKPOINT}/samples`)
    const data = pictures.map((name) => ({
      image: `${CHECKPOINT}/samples/${name}`,
      text: [name.replace(/\.png$/, '').replaceAll('-', ' '), `a drawing of ${name}`],
    }))
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(CHECKPOINT)
    return new Trainer({
      model,
      processor: (inputs) => processor({ ...inputs, padding: 'max_length', maxLength: 12 }),
      data,
      batchSize: 4,
      steps: 4,
      optimizer: { name: 'adamw', lr: 1e-4 },
      rules: lit('LU').rules,
      output,
      ...options,
    })
  }
  const load = () => VisionTextDualEncoderModel.fromPretrained(CHECKPOINT)
  const weights = (file: string) => readSafetensors(`${file}/model.safetensors`)

  it('goes on after a stop as if there had been none, to the bit, and leaves what is locked as it was', async () => {
    const model = await load()
    const losses: number[] = []
    await (await trainerOf({ average: 0.9 }, model)).run({ onStep: ({ loss }) => losses.push(loss) })
    const straight = await weights(output)
    await rm(output, { recursive: true })

    const stop = new AbortController()
    const again: number[] = []
    const onStep = ({ step, loss }: { step: number; loss: number }) => {
      again.push(loss)
      if (step === 2) stop.abort(new Error('enough'))
    }
    await expect((await trainerOf({ average: 0.9 }, model)).run({ onStep, signal: stop.signal })).rejects.toThrow(
      'enough',
    )
    expect(again).toHaveLength(2)
    await (await trainerOf({ average: 0.9, resume: true }, model)).run({ onStep })
    expect(again).toEqual(losses)
    const resumed = await weights(output)
    expect([...resumed.keys()].sort()).toEqual([...straight.keys()].sort())
    const before = await weights(CHECKPOINT)
    for (const [name, { data }] of straight) {
      expect(resumed.get(name)!.data, name).toEqual(data)
      const isLocked = name.startsWith('vision_model.')
      const changed = before.get(name)!.data.some((value, i) => value !== data[i])
      if (isLocked) expect(changed, name).toBe(false)
      if (name === 'text_projection.weight' || name === 'visual_projection.weight') expect(changed, name).toBe(true)
    }
    const trained = await VisionTextDualEncoderModel.fromPretrained(output)
    await Promise.all([model.dispose(), trained.dispose()])
    const other = await load()
    await expect((await trainerOf({ seed: 1, resume: true }, other)).run()).rejects.toMatchObject({ code: 'other-run' })
    await other.dispose()
  })

  it('keeps the steps before an evaluation that was broken off, and evaluates when it goes on', async () => {
    const model = await load()
    const stop = new AbortController()
    const asked = { count: 0, most: Infinity }
    const data: IndexedData = {
      length: 2,
      get: (i) => {
        if (asked.count++ === asked.most) stop.abort(new Error('enough'))
        return { image: `${CHECKPOINT}/samples/${['pizza', 'rocket'][i]}.png`, text: ['pizza', 'rocket'][i]! }
      },
    }
    const options = { evaluate: { every: 2, data, keep: 'best' }, average: 0.9 } as const
    const metrics = () =>
      readFile(`${output}/metrics.jsonl`, 'utf8').then((lines) => lines.trim().split('\n').map(measured))
    const measured = (line: string) => ({ ...(JSON.parse(line) as object), examplesPerSecond: 0 })
    await (await trainerOf(options, model)).run()
    const straight = [await weights(output), await metrics()]
    await rm(output, { recursive: true })

    Object.assign(asked, { count: 0, most: 1 })
    await expect((await trainerOf(options, model)).run({ signal: stop.signal })).rejects.toThrow('enough')
    asked.most = Infinity
    const steps: number[] = []
    await (await trainerOf({ ...options, resume: true }, model)).run({ onStep: ({ step }) => void steps.push(step) })
    expect(steps).toEqual([3, 4])
    expect([await weights(output), await metrics()]).toEqual(straight)
    await model.dispose()
  })

  it('leaves the thread that asked free while the engine works', async () => {
    const model = await load()
    const ticks: number[] = []
    const timer = setInterval(() => ticks.push(performance.now()), 1)
    const during: number[] = []
    let last = performance.now()
    // The first step makes the graph.
    const onStep = () => {
      during.push(ticks.filter((tick) => tick > last).length)
      last = performance.now()
    }
    await (await trainerOf({ output: undefined }, model)).run({ onStep })
    clearInterval(timer)
    // Some step may be one in which the machine was busy with others.
    const [, ...later] = during
    expect(later.toSorted((a, b) => a - b)[Math.floor(later.length / 2)]).toBeGreaterThan(3)
    await model.dispose()
  })

  it('stops where the loss is no number any more, and leaves what was saved', async () => {
    const model = await load()
    const trainer = await trainerOf({ optimizer: { name: 'sgd', lr: 1e38 }, clip: 1e30, saveEvery: 1, steps: 8 }, model)
    const done: number[] = []
    const run = trainer.run({ onStep: ({ step }) => done.push(step) })
    await expect(run).rejects.toMatchObject({ code: 'diverged' })
    expect(done.length).toBeGreaterThan(0)
    expect(await readdir(output)).toContain(`checkpoint-${done.length}`)
    await model.dispose()
  })

  it('refuses what it cannot do', async () => {
    const model = await load()
    await expect(trainerOf({ epochs: 2 }, model)).rejects.toMatchObject({ code: 'bad-option' })
    await expect((await trainerOf({ batchSize: 100 }, model)).run()).rejects.toMatchObject({ code: 'too-few-samples' })
    await expect(trainerOf({ rules: [['text_model.*', 1]] }, model)).rejects.toMatchObject({ code: 'rules-uncovered' })
    await expect(trainerOf({ batchsize: 4 } as never, model)).rejects.toMatchObject({ code: 'unknown-option' })
    await model.dispose()
  })
})
