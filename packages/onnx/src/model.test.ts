import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  BertConfig,
  readSafetensors,
  type Tensor,
  tensor,
  DeiTConfig,
  ViTConfig,
  VisionTextDualEncoderConfig,
} from '@dual-encoder/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { inputsOf } from '../../../parity-tests/src/fixtures'
import { VisionTextDualEncoderModel } from './families'
import { TextTower, VisionTower } from './model'
import { OnnxRunner } from './runner'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../parity-tests/fixtures/towers', name)
const FOLDER = fixture('vit-bert')

const load = (options = {}) => VisionTextDualEncoderModel.fromPretrained(FOLDER, options)

let inputs: Awaited<ReturnType<typeof inputsOf>>
let scratch: string
beforeAll(async () => {
  inputs = await inputsOf(FOLDER)
  scratch = await mkdtemp(join(tmpdir(), 'dual-encoder-test-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** The first `rows` rows and `length` columns. */
function cut(value: Tensor, rows: number, length = value.dims[1] as number): Tensor {
  const [, columns = 1, ...rest] = value.dims
  const size = rest.reduce((a, b) => a * b, 1)
  const data = value.data.slice(0, rows * length * size)
  for (let row = 0; row < rows; row++) {
    const from = row * columns * size
    data.set(value.data.slice(from, from + length * size) as never, row * length * size)
  }
  return { ...value, dims: [rows, length, ...rest], data }
}

describe('calls', () => {
  it('may overlap, with different shapes and outputs, and give what they give alone', async () => {
    await using model = await load()
    const calls = [
      () => model.forward(inputs).then(({ logitsPerImage }) => logitsPerImage.data),
      () => model.getTextFeatures({ inputIds: cut(inputs.inputIds, 2, 3) }).then(({ data }) => data),
      () => model.getImageFeatures({ pixelValues: cut(inputs.pixelValues, 1) }).then(({ data }) => data),
      () => model.getTextFeatures({ inputIds: inputs.inputIds }, { normalize: true }).then(({ data }) => data),
      () =>
        model
          .forward(inputs, { outputAttentions: true, outputHiddenStates: true })
          .then(({ textModelOutput }) => textModelOutput.attentions![1]!.data),
    ]
    const alone: unknown[] = []
    for (const call of calls) alone.push(await call())
    const repeated = [...calls, ...calls, ...calls]
    const together = await Promise.all(repeated.map((call) => call()))
    together.forEach((data, index) => expect(data).toEqual(alone[index % calls.length]))
  })

  it('that fail leave the model as it was', async () => {
    await using model = await load()
    const before = await model.forward(inputs)
    const bad = tensor(new BigInt64Array([7n, 9999n]), [1, 2])
    const results = await Promise.allSettled([model.getTextFeatures({ inputIds: bad }), model.forward(inputs)])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect((await model.forward(inputs)).logitsPerImage).toEqual(before.logitsPerImage)
  })

  it('end with the reason of their signal, and the next one works', async () => {
    await using model = await load()
    const reason = new Error('no longer wanted')
    const controller = new AbortController()
    const call = model.forward(inputs, { signal: controller.signal })
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await expect(model.forward(inputs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect((await model.forward(inputs)).logitsPerImage.dims).toEqual([3, 4])
  })

  it('take any number of rows and any length', async () => {
    await using model = await load()
    const whole = await model.getTextFeatures({ inputIds: cut(inputs.inputIds, 4, 3) })
    const one = await model.getTextFeatures({ inputIds: cut(inputs.inputIds, 1, 3) })
    expect(one.dims).toEqual([1, whole.dims[1]])
    one.data.forEach((value, i) => expect(value).toBeCloseTo(whole.data[i]!, 5))
  })

  it('normalise only where asked', async () => {
    await using model = await load()
    const plain = await model.getImageFeatures(inputs)
    const unit = await model.getImageFeatures(inputs, { normalize: true })
    const size = plain.dims[1]!
    const norm = (data: Float32Array) => Math.hypot(...data.slice(0, size))
    expect(norm(unit.data)).toBeCloseTo(1, 6)
    expect(norm(plain.data)).not.toBeCloseTo(1, 2)
    plain.data.slice(0, size).forEach((value, i) => expect(value / norm(plain.data)).toBeCloseTo(unit.data[i]!, 6))
  })

  it('give every hidden state and attention where asked, and the same logits', async () => {
    await using model = await load()
    const plain = await model.forward(inputs)
    const full = await model.forward(inputs, { outputAttentions: true, outputHiddenStates: true })
    expect(plain.textModelOutput.hiddenStates ?? plain.visionModelOutput.attentions).toBeUndefined()
    const layers = { text: model.config.textConfig, vision: model.config.visionConfig as ViTConfig }
    for (const [kind, { numHiddenLayers, numAttentionHeads }] of Object.entries(layers)) {
      const { hiddenStates, attentions, lastHiddenState } = full[`${kind as 'text' | 'vision'}ModelOutput`]
      expect(hiddenStates).toHaveLength(numHiddenLayers + 1)
      expect(attentions).toHaveLength(numHiddenLayers)
      const [rows, length] = lastHiddenState.dims
      expect(attentions![0]!.dims).toEqual([rows, numAttentionHeads, length, length])
      const first = [...attentions![0]!.data].slice(0, length).map(Number)
      expect(first.reduce((sum, share) => sum + share)).toBeCloseTo(1, 5)
    }
    plain.logitsPerImage.data.forEach((value, i) => expect(full.logitsPerImage.data[i]).toBeCloseTo(value as number, 4))
  })

  it('end with the block of `using`', async () => {
    let kept: VisionTextDualEncoderModel
    {
      using model = await load()
      kept = model
      await model.forward(inputs)
    }
    await expect(kept.forward(inputs)).rejects.toMatchObject({ code: 'disposed' })
  })

  it('wait for nothing after dispose, and say so', async () => {
    const model = await load()
    const running = model.forward(inputs)
    await model.dispose()
    expect((await running).logitsPerImage.dims).toEqual([3, 4])
    await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'disposed' })
    await model.dispose()
  })
})

describe('batching', () => {
  it('answers calls that come at once by few runs, each with what it gives alone', async () => {
    await using alone = await load()
    await using model = await load({ batching: { maxBatch: 16, maxDelayMs: 5 } })
    const run = vi.spyOn(OnnxRunner.prototype, 'run')
    const callsOf = (of: VisionTextDualEncoderModel) =>
      Array.from({ length: 64 }, (_, i) => {
        const inputIds = cut(inputs.inputIds, 1, 2 + (i % 3))
        inputIds.data[1] = BigInt(i)
        if (i % 4 === 3) return of.getTextFeatures({ inputIds }, { normalize: i % 8 === 3 })
        const pixelValues = cut(inputs.pixelValues, 1)
        pixelValues.data[0] = i / 64
        return of.getImageFeatures({ pixelValues }, { normalize: i % 8 === 0 })
      })
    try {
      const together = await Promise.all(callsOf(model))
      expect(run.mock.calls.length).toBeLessThanOrEqual(6)
      for (const [i, expected] of (await Promise.all(callsOf(alone))).entries()) {
        const { dims, data } = together[i]!
        expect(dims).toEqual(expected.dims)
        data.forEach((value, at) => expect(Math.abs(value - expected.data[at]!)).toBeLessThan(2e-6))
      }
    } finally {
      run.mockRestore()
    }
  })

  it.each([
    [{ maxBatch: 0 }, /batching\.maxBatch is 0/],
    [{ maxDelayMs: -1 }, /batching\.maxDelayMs is -1/],
    [true, /batching is true; \{ maxBatch/],
  ])('%o is refused', async (batching, says) => {
    const refused = { code: 'bad-option', message: expect.stringMatching(says) as string }
    await expect(load({ batching })).rejects.toMatchObject(refused)
  })
})

describe('checkpoints', () => {
  const logitsFrom = async (folder: string) => {
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    return (await model.forward(inputs)).logitsPerImage
  }

  it('may lie in a read-only folder, behind symbolic links as in the cache of Hugging Face', async () => {
    const cache = join(scratch, 'cache')
    await mkdir(join(cache, 'blobs'), { recursive: true })
    await mkdir(join(cache, 'snapshots', 'main'), { recursive: true })
    for (const [index, name] of ['config.json', 'model.safetensors'].entries()) {
      await cp(join(FOLDER, name), join(cache, 'blobs', `blob-${index}`))
      await symlink(`../../blobs/blob-${index}`, join(cache, 'snapshots', 'main', name))
    }
    for (const path of ['blobs/blob-0', 'blobs/blob-1']) await chmod(join(cache, path), 0o444)
    for (const path of ['blobs', 'snapshots/main']) await chmod(join(cache, path), 0o555)
    expect(await logitsFrom(join(cache, 'snapshots', 'main'))).toEqual(await logitsFrom(FOLDER))
    expect(await readdir(join(cache, 'blobs'))).toEqual(['blob-0', 'blob-1'])
    for (const path of ['blobs', 'snapshots/main']) await chmod(join(cache, path), 0o755)
  })

  it('replaced between loading and the first run are an error, not other numbers', async () => {
    const folder = join(scratch, 'replaced')
    await cp(FOLDER, folder, { recursive: true })
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    await using original = await load()
    const features = await original.getTextFeatures(inputs)
    await model.savePretrained(folder)
    expect(await model.getTextFeatures(inputs)).toEqual(features)
    await model.savePretrained(folder, { dtype: 'float16' })
    await expect(model.getImageFeatures(inputs)).rejects.toMatchObject({ code: 'file-changed' })
    expect(await model.getTextFeatures(inputs)).toEqual(features)
    expect((await logitsFrom(folder)).dims).toEqual([3, 4])
  })

  it('replaced after the first run do not matter', async () => {
    const folder = join(scratch, 'replaced-later')
    await cp(FOLDER, folder, { recursive: true })
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    const { logitsPerImage } = await model.forward(inputs)
    await model.savePretrained(folder)
    expect((await model.forward(inputs)).logitsPerImage).toEqual(logitsPerImage)
  })

  it('in shards, and saved in shards over themselves, give the same numbers', async () => {
    const folder = join(scratch, 'sharded')
    await cp(FOLDER, folder, { recursive: true })
    const expected = await logitsFrom(FOLDER)
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    await model.savePretrained(folder, { maxShardSize: 60_000 })
    expect((await readdir(folder)).filter((name) => name.startsWith('model-')).length).toBeGreaterThan(2)
    expect(await logitsFrom(folder)).toEqual(expected)
    await expect(model.forward(inputs)).rejects.toMatchObject({ code: 'file-changed' })
  })

  it.each(['stored-f16', 'stored-bf16'])('%s leave nothing behind, whether they run or fail', async (name) => {
    const temporary = join(scratch, `temporary-${name}`)
    await mkdir(temporary)
    vi.stubEnv('TMPDIR', temporary)
    expect(tmpdir()).toBe(temporary)
    const exits = process.listenerCount('exit')
    try {
      await using refused = await VisionTextDualEncoderModel.fromPretrained(fixture(name), {
        sessionOptions: { graphOptimizationLevel: 'no such level' as 'all' },
      })
      const halves = await inputsOf(fixture(name))
      await expect(refused.forward(halves)).rejects.toMatchObject({ code: 'session-failed' })
      await using model = await VisionTextDualEncoderModel.fromPretrained(fixture(name))
      expect((await model.forward(halves)).logitsPerImage.dims).toEqual([3, 4])
      expect(await readdir(temporary)).toEqual([])
      expect(process.listenerCount('exit')).toBe(exits)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('new models', () => {
  const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({
      hiddenSize: 24,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 32,
      imageSize: 24,
      patchSize: 6,
    }),
    new BertConfig({ vocabSize: 100, hiddenSize: 30, numHiddenLayers: 1, numAttentionHeads: 5, intermediateSize: 40 }),
    { projectionDim: 16 },
  )

  it('are the same for the same seed', async () => {
    const logits = async (seed: number) => {
      await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed })
      return (await model.forward(inputs)).logitsPerImage
    }
    expect(await logits(1)).toEqual(await logits(1))
    expect(await logits(1)).not.toEqual(await logits(2))
  })

  it('can be had of one tower, of a model that stays as it is', async () => {
    await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
    await using other = await VisionTextDualEncoderModel.fromConfig(config, { seed: 2 })
    const before = (await model.forward(inputs)).logitsPerImage
    const folder = await mkdtemp(join(scratch, 'redrawn-'))
    await other.savePretrained(folder)
    const wanted = [...(await readSafetensors(`${folder}/model.safetensors`))]
    const ofText = wanted.filter(([name]) => name.startsWith('text_model.'))
    const drawn = model.redrawn('text', 2)
    expect([...drawn.keys()].sort()).toEqual(ofText.map(([name]) => name).sort())
    for (const [name, { data }] of ofText) expect(drawn.get(name)!.data, name).toEqual(data)
    expect((await model.forward(inputs)).logitsPerImage).toEqual(before)
  })

  it('come from two towers, and give back what they are made of', async () => {
    const vision = await VisionTower.fromPretrained(FOLDER, { onWarning: () => undefined })
    const text = await TextTower.fromPretrained(FOLDER, { onWarning: () => undefined })
    const named: string[] = []
    const onWarning = ({ names = [] }: { names?: readonly string[] }) => named.push(...names)
    await using model = await VisionTextDualEncoderModel.fromTowers(vision, text, { projectionDim: 12, onWarning })
    expect(named.sort()).toEqual(['logit_scale', 'text_projection.weight', 'visual_projection.weight'])
    const output = await model.forward(inputs)
    expect(output.imageEmbeds.dims).toEqual([3, 12])
    const alone = await text.forward(inputs)
    alone.poolerOutput.data.forEach((value, i) =>
      expect(output.textModelOutput.poolerOutput.data[i]).toBeCloseTo(value as number, 5),
    )
    const joined = (a: unknown, b: unknown, options: object = {}) =>
      VisionTextDualEncoderModel.fromTowers(a as VisionTower, b as TextTower, options)
    const other = VisionTextDualEncoderConfig.fromVisionTextConfigs(new DeiTConfig(), new BertConfig())
    await expect(joined(FOLDER, text)).rejects.toMatchObject({ name: 'OptionError', code: 'bad-tower' })
    await expect(joined(text, vision)).rejects.toMatchObject({ code: 'wrong-tower' })
    await expect(joined(vision, text, { config: other })).rejects.toMatchObject({ code: 'wrong-model-type' })
    await expect(joined(vision, text, { seed: 0.5 })).rejects.toMatchObject({ code: 'bad-seed' })
    await Promise.all([vision.dispose(), text.dispose()])
  })
})
