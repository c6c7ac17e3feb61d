import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import { Checkpoints, Trainer, type TrainableModel, type TrainerOptions } from '@dual-encoder/train'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { casesIn, inputsOf, rowsAt } from './fixtures'
import { WASM } from './wasm'

const FOLDER = fileURLToPath(new URL('../fixtures/training-steps', import.meta.url))
const LENGTH = 20

const ENGINES = {
  onnx: (folder: string) => onnx.AutoModel.fromPretrained(folder),
  tfjs: (folder: string) => tfjs.AutoModel.fromPretrained(folder, WASM),
}
type EngineName = keyof typeof ENGINES

const cases: (readonly [engine: EngineName, group: string, name: string])[] = []
for (const group of ['towers', 'families'])
  for (const file of await readdir(`${FOLDER}/${group}`))
    for (const engine of Object.keys(ENGINES) as EngineName[]) {
      const name = file.replace('.safetensors', '')
      // Seven seconds of convolutions, whose gradients on tfjs are held to PyTorch's elsewhere.
      if (engine === 'onnx' || name !== 'convnext') cases.push([engine, group, name])
    }

let output: string
beforeEach(async () => void (output = await mkdtemp(join(tmpdir(), 'dual-encoder-steps-'))))
afterEach(() => rm(output, { recursive: true }))

/** By the names that parameters have here. */
const nameOf = (key: string, group: string): string =>
  group === 'towers'
    ? key.replace('vision_model.vision_model.', 'vision_model.')
    : key.replace('vision_model.encoder.layer.', 'vision_model.encoder.layers.')

const norm = (values: Iterable<number>): number => Math.sqrt([...values].reduce((sum, value) => sum + value * value, 0))

/** A trainer of batches that are these rows. Pictures and texts of its data are but their numbers. */
async function trainerOf(
  engine: EngineName,
  folder: string,
  texts: readonly number[],
  options: Partial<TrainerOptions>,
) {
  const inputs = await inputsOf(folder)
  const model = (await ENGINES[engine](folder)) as unknown as TrainableModel & { dispose(): Promise<void> }
  const processor: TrainerOptions['processor'] = (given) => {
    if ('images' in given) {
      const rows = given.images.map((image) => (image as { data: Uint8Array }).data[0]!)
      return Promise.resolve({ pixelValues: rowsAt(inputs.pixelValues, rows) as Tensor<'float32'> })
    }
    const rows = given.text.map((text) => texts[Number(text)]!)
    const { pixelValues: _, ...ofTexts } = inputs
    const chosen = Object.entries(ofTexts).map(([name, value]) => [name, rowsAt(value as Tensor | undefined, rows)])
    return Promise.resolve(Object.fromEntries(chosen) as never)
  }
  const data = texts.map((_, i) => ({
    image: { data: new Uint8Array(12).fill(i), width: 2, height: 2, channels: 3 as const },
    text: String(i),
  }))
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize: texts.length,
    steps: LENGTH,
    schedule: { kind: 'constant' },
    dropout: false,
    positives: 'diagonal',
    progress: false,
    output,
    saveEvery: 1,
    keepCheckpoints: LENGTH,
    ...options,
  })
  return { model, trainer }
}

it.each(cases)(
  "%s, %s/%s: twenty steps of Trainer leave every parameter where PyTorch's AdamW leaves it",
  async (engine, group, name) => {
    const { steps, adamw } = JSON.parse(await readFile(`${FOLDER}/steps.json`, 'utf8')) as {
      steps: number[]
      adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number }
    }
    const wanted = await readSafetensors(`${FOLDER}/${group}/${name}.safetensors`)
    const rowsOf = (key: string) => {
      const { data, dims } = wanted.get(key)!
      return Array.from({ length: dims[0]! }, (_, i) => [
        ...(data as Float32Array).subarray(i * dims[1]!, (i + 1) * dims[1]!),
      ])
    }
    const { folder } = casesIn(group).find((each) => each.name === name)!
    const { weight_decay: weightDecay, ...rest } = adamw
    const { model, trainer } = await trainerOf(engine, folder, [...(wanted.get('texts')!.data as Int32Array)], {
      optimizer: { name: 'adamw', weightDecay, ...rest },
    })
    const losses: number[] = []
    const norms: number[] = []
    await trainer.run({
      onStep: ({ loss, gradNorm }) => {
        losses.push(loss)
        norms.push(gradNorm)
      },
    })
    const far: string[] = []
    const compare = (what: string, off: number, limit: number) => {
      if (!(off <= limit)) far.push(`${what}: ${off.toExponential(2)}, allowed ${limit.toExponential(2)}`)
    }
    for (const [key, given] of [
      ['losses', losses],
      ['norms', norms],
    ] as const) {
      const [values, errors] = rowsOf(key)
      expect(given).toHaveLength(LENGTH)
      given.forEach((value, i) =>
        compare(
          `${key} ${i + 1}`,
          Math.abs(value - values![i]!),
          Math.max(1e-5 * Math.max(values![i]!, key === 'losses' ? 1 : values![0]! / 100), 3 * errors![i]!),
        ),
      )
    }
    const saved = new Map((await new Checkpoints(output).loadLast(LENGTH)).map((each) => [each.step, each.tensors]))
    const keys = [...wanted.keys()].filter((key) => !['losses', 'norms', 'texts'].includes(key))
    const trained = [...saved.get(1)!.keys()].filter((key) => key.startsWith('params/'))
    expect(trained.length).toBe(keys.length)
    steps.forEach((step, at) => {
      const rows = new Map(keys.map((key) => [key, rowsOf(key)[at]!]))
      const largest = Math.max(...[...rows.values()].map(([size]) => size!))
      for (const [key, [size, error, moved, ...values]] of rows) {
        const given = saved.get(step)!.get(`params/${nameOf(key, group)}`)?.data as Float32Array
        const stride = Math.ceil(given.length / 64)
        const what = `step ${step}, ${key}`
        // The bias of keys has no gradient but what is rounded off, of which AdamW makes steps.
        if (moved! < 1e-9) {
          const longest = Math.max(...values.map((value, i) => Math.abs(value - given[i * stride]!)))
          compare(what, longest, adamw.lr * step)
          continue
        }
        const off = norm(values.map((value, i) => value - given[i * stride]!)) * Math.sqrt(given.length / values.length)
        compare(what, off, Math.max(1e-5 * Math.max(size!, 1e-2 * largest), 3 * error!))
      }
    })
    expect(far).toEqual([])
    await model.dispose()
  },
)
