import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tfjs from '@dual-encoder/tfjs'
import { topLayers, type TrainerOptions } from '@dual-encoder/train'
import * as webgpu from '@dual-encoder/webgpu'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { data, smallConfig, smallModel, type SmallModel, smallTrainer } from './small-training'
import { WASM } from './wasm'

/* Runs on TensorFlow.js tensors, held to those on ONNX Runtime: what is dropped is the same. */
let folder: string
let onnx: SmallModel
let wasm: SmallModel
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-engines-'))
  onnx = await smallModel()
  wasm = await tfjs.VisionTextDualEncoderModel.fromConfig(smallConfig(), { seed: 19, ...WASM })
})
afterAll(async () => {
  await Promise.all([onnx.dispose(), wasm.dispose()])
  await rm(folder, { recursive: true })
})

async function lossesOf(model: SmallModel, options: Partial<TrainerOptions>) {
  const losses: number[] = []
  const trainer = smallTrainer(model, { batchSize: 6, steps: 3, onWarning: () => undefined, ...options })
  const { evaluation } = await trainer.run({ onStep: ({ loss, gradNorm }) => losses.push(loss, gradNorm / 100) })
  return [...losses, ...(evaluation ? Object.values(evaluation) : [])] as number[]
}

const near = (given: readonly number[], wanted: readonly number[], most: number) => {
  expect(given).toHaveLength(wanted.length)
  given.forEach((value, i) => expect(Math.abs(value - wanted[i]!), `value ${i}`).toBeLessThan(most))
}

const upper = [topLayers({ vision: 1, text: 1 }), ['.*', 1] as const]
const cases: [string, () => Partial<TrainerOptions>][] = [
  ['all parameters', () => ({})],
  ['in chunks', () => ({ chunkSize: 4 })],
  ['layers computed again', () => ({ recompute: 'layers' })],
  ['hard negatives, in chunks', () => ({ data: data.map((one) => ({ ...one, negatives: ['3', '5'] })), chunkSize: 5 })],
  ['positives of each other', () => ({ data: data.map((one, i) => ({ ...one, group: i % 2 })), positives: 'same' })],
  ['a bias of its own', () => ({ loss: 'siglip' })],
  ['an average that is evaluated', () => ({ average: 0.5, evaluate: { every: 3, data: data.slice(0, 12) } })],
  [
    'a tower that is locked',
    () => ({
      rules: [
        ['vision_model\\..*', null],
        ['.*', 1],
      ],
      cache: join(folder, 'a'),
    }),
  ],
  ['upper layers, patches left out', () => ({ rules: upper, patchDropout: 0.5 })],
  ['upper layers, from a cache', () => ({ rules: upper, patchDropout: 0.5, cache: join(folder, 'b') })],
]
it.each(cases)('tfjs (wasm), %s: the losses and norms of onnx', async (_, options) => {
  near(await lossesOf(wasm, options()), await lossesOf(onnx, options()), 2e-5)
})

it('webgpu: the losses and norms of onnx', async () => {
  const model = await webgpu.VisionTextDualEncoderModel.fromConfig(smallConfig(), { seed: 19 })
  near(await lossesOf(model, { steps: 2 }), await lossesOf(onnx, { steps: 2 }), 1e-4)
  const again = { recompute: 'layers', steps: 1 } as const
  near(await lossesOf(model, again), await lossesOf(onnx, again), 1e-4)
  await model.dispose()
}, 120_000)

it('tfjs: what is below a cut, and its name, are those of onnx', async () => {
  const inputs = {
    pixelValues: { dims: [1, 3, 16, 16], dtype: 'float32', data: new Float32Array(768).fill(0.5) },
  } as const
  for (const at of [1, 'pooled'] as const) {
    const [given, wanted] = await Promise.all([wasm, onnx].map((model) => model.outputBelow('vision', inputs, at)))
    near([...given!.data], [...wanted!.data], 1e-5)
    expect(await wasm.fingerprint('vision', at)).toBe(await onnx.fingerprint('vision', at))
  }
})
