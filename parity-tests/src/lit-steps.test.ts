import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tensor } from '@dual-encoder/core'
import * as onnx from '@dual-encoder/onnx'
import * as tfjs from '@dual-encoder/tfjs'
import { type Sample, topLayers, Trainer, type TrainerOptions } from '@dual-encoder/train'
import * as webgpu from '@dual-encoder/webgpu'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WASM } from './wasm'

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url))
const [IMAGE, LENGTH] = [24, 8]
/** A value on the edge between two of float16 falls to either side. */
const LIMIT = { cached: 1e-4, whole: 1e-5 }

interface Wanted {
  readonly samples: number
  readonly batch: number
  readonly warmup: number
  readonly end: number
  readonly textRate: number
  readonly adamw: { lr: number; betas: [number, number]; eps: number; weight_decay: number }
  readonly cached: { readonly losses: number[] }
  readonly whole: { readonly losses: number[] }
}

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'dual-encoder-lit-'))))
afterEach(() => rm(folder, { recursive: true }))

/** The numbers that `tools/reference/lit_steps.py` makes too. */
const sampleOf = (n: number): Sample => {
  const data = Uint8Array.from({ length: 3 * IMAGE * IMAGE }, (_, i) => (n * 37 + i * ((n % 7) + 1)) % 256)
  return { key: String(n), image: { data, width: IMAGE, height: IMAGE, channels: 3 }, text: String(n) }
}
const processor: TrainerOptions['processor'] = (inputs) => {
  if ('images' in inputs) {
    const values = inputs.images.flatMap(({ data }) => Array.from(data.subarray(0, 3 * IMAGE * IMAGE), Number))
    const pixels = Float32Array.from(values, (value) => value / 127.5 - 1)
    return Promise.resolve({ pixelValues: tensor(pixels, [inputs.images.length, 3, IMAGE, IMAGE]) })
  }
  const rows = (make: (n: number, i: number) => number) =>
    tensor(
      BigInt64Array.from(
        inputs.text.flatMap((text) => Array.from({ length: LENGTH }, (_, i) => BigInt(make(Number(text), i)))),
      ),
      [inputs.text.length, LENGTH],
    )
  const mask = (n: number, i: number) => Number(i < 3 + (n % 6))
  return Promise.resolve({
    inputIds: rows((n, i) => mask(n, i) * (2 + ((n * 13 + i * 29) % 90))),
    attentionMask: rows(mask),
  })
}

const MODEL = `${FIXTURES}towers/dinov2-bert`
const load = {
  onnx: () => onnx.VisionTextDualEncoderModel.fromPretrained(MODEL),
  tfjs: () => tfjs.VisionTextDualEncoderModel.fromPretrained(MODEL, WASM),
  webgpu: () => webgpu.VisionTextDualEncoderModel.fromPretrained(MODEL),
}

it.each([
  ['onnx', 'whole', 20],
  ['onnx', 'cached', 20],
  ['tfjs', 'cached', 20],
  ['webgpu', 'cached', 2],
] as const)(
  "%s: LiT on cut towers, half of the patches left out, boundaries %s: losses are PyTorch's, %i of them",
  async (backend, kind, steps) => {
    const wanted = JSON.parse(await readFile(`${FIXTURES}training-steps/lit.json`, 'utf8')) as Wanted
    const { samples, batch, warmup, end, textRate, adamw } = wanted
    const { weight_decay: weightDecay, ...rest } = adamw
    const model = await load[backend]()
    const trainer = new Trainer({
      model,
      processor,
      data: Array.from({ length: samples }, (_, n) => sampleOf(n)),
      batchSize: batch,
      steps: 20,
      rules: [topLayers({ vision: 1, text: 1 }), ['text_model\\..*', textRate], ['.*', 1]],
      optimizer: { name: 'adamw', weightDecay, ...rest },
      schedule: { kind: 'cosine', warmup, end },
      patchDropout: 0.5,
      dropout: false,
      positives: 'diagonal',
      progress: false,
      ...(kind === 'cached' && { cache: folder }),
    })
    const losses: number[] = []
    const stop = new AbortController()
    const run = trainer.run({
      signal: stop.signal,
      onStep: ({ step, loss }) => {
        losses.push(loss)
        if (step === steps && steps < 20) stop.abort()
      },
    })
    await run.catch((error: unknown) => expect(stop.signal.reason).toBe(error))
    await model.dispose()
    expect(losses).toHaveLength(steps)
    const far = losses.map((loss, i) => Math.abs(loss - wanted[kind].losses[i]!))
    expect(Math.max(...far)).toBeLessThan(LIMIT[kind])
    expect(await readdir(folder)).toHaveLength(kind === 'cached' ? 2 : 0)
  },
  120_000,
)
