import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { optimizerOf, planOf, updateRule } from '@dual-encoder/train'
import { describe, expect, it } from 'vitest'
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
    const run = model.train(plan)
    for (const [i, wanted] of losses.entries()) {
      const { loss } = await run.step(inputs, { numbers: numbersOf(i + 1), chunkSize })
      expect(Math.abs(loss - wanted)).toBeLessThan(1e-5)
    }
    await run.dispose()
    await model.dispose()
  })
})
