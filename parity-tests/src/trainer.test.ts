import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { embedImages, pushToHub, VisionTextDualEncoderProcessor, type Warning } from '@dual-encoder/core'
import { OpenCLIPModel, VisionTextDualEncoderModel, VisionTower } from '@dual-encoder/onnx'
import {
  Checkpoints,
  horizontalFlip,
  lit,
  type Sample,
  sometimes,
  topLayers,
  Trainer,
  type TrainerOptions,
} from '@dual-encoder/train'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeHub } from '../../tools/hub/fake-hub'
import { firstRows, inputsOf } from './fixtures'

const CHECKPOINT = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))
const TOWERS = fileURLToPath(new URL('../fixtures/towers/', import.meta.url))

let folder: string
let model: VisionTextDualEncoderModel
let processor: VisionTextDualEncoderProcessor
let data: Sample[]
beforeAll(async () => {
  model = await VisionTextDualEncoderModel.fromPretrained(CHECKPOINT)
  processor = await VisionTextDualEncoderProcessor.fromPretrained(CHECKPOINT)
  const pictures = await readdir(`${CHECKPOINT}/samples`)
  data = pictures.map((name) => {
    const words = name.replace(/\.png$/, '').replaceAll('-', ' ')
    return { image: `${CHECKPOINT}/samples/${name}`, text: [words, `a drawing of a ${words}`], key: name }
  })
})
afterAll(() => model.dispose())
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'dual-encoder-trainer-'))))
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** The losses of a short run. */
async function lossesOf(options: Partial<TrainerOptions>) {
  const losses: number[] = []
  const trainer = new Trainer({
    model,
    processor,
    data,
    batchSize: 4,
    steps: 3,
    optimizer: { name: 'adamw', lr: 1e-3 },
    rules: lit('LU').rules,
    ...options,
  })
  const result = await trainer.run({ onStep: ({ loss }) => losses.push(loss) })
  return { losses, result }
}

const near = (given: readonly number[], wanted: readonly number[], most: number) => {
  expect(given).toHaveLength(wanted.length)
  given.forEach((loss, i) => expect(Math.abs(loss - wanted[i]!), `step ${i + 1}`).toBeLessThan(most))
}

describe('caches', () => {
  it.each([
    ['a tower that is locked whole', lit('LU').rules, 1e-5, ['vision-pooled']],
    [
      'towers whose lower layers are locked',
      [topLayers({ vision: 2, text: 1 }), ['.*', 1] as const],
      5e-3,
      ['text-', 'vision-'],
    ],
  ])('%s: the same losses, computed once', async (_, rules, most, names) => {
    const plain = await lossesOf({ rules })
    const below = vi.spyOn(model, 'outputBelow')
    const cached = await lossesOf({ rules, cache: folder })
    near(cached.losses, plain.losses, most)
    expect(plain.losses).not.toEqual([plain.losses[0], plain.losses[0], plain.losses[0]])
    const calls = below.mock.calls.length
    const found = (await readdir(folder)).sort()
    expect(found).toHaveLength(names.length)
    found.forEach((name, i) => expect(name).toMatch(new RegExp(`^${names[i]}`)))
    // From the cache: nothing but a probe of each side.
    below.mockClear()
    expect((await lossesOf({ rules, cache: folder })).losses).toEqual(cached.losses)
    expect(below.mock.calls).toHaveLength(names.length)
    expect(calls).toBeGreaterThan(names.length)
    // What was killed on the way is made again.
    for (const name of found) await rm(join(folder, name, '000000.json'))
    expect((await lossesOf({ rules, cache: folder })).losses).toEqual(cached.losses)
    expect(below.mock.calls.length).toBeGreaterThan(2 * names.length)
  })

  it('hold views, and are of one augmentation, one picture, one set of weights', async () => {
    const rules = lit('LU').rules
    const flips = { augment: [sometimes(0.5, horizontalFlip)], cache: { folder, views: 3 } }
    await lossesOf({ rules, ...flips })
    await lossesOf({ rules, ...flips, augment: [sometimes(0.2, horizontalFlip)] })
    const redrawn = await VisionTextDualEncoderModel.fromConfig(model.config, { seed: 3 })
    await lossesOf({ rules, ...flips, model: redrawn })
    await redrawn.dispose()
    const folders = await readdir(folder)
    expect(folders).toHaveLength(3)
    const { of } = JSON.parse(await readFile(join(folder, folders[0]!, '000000.json'), 'utf8')) as { of: string[] }
    expect(of).toHaveLength(3 * data.length)
    const below = vi.spyOn(model, 'outputBelow')
    // Runs of other seeds share what is of one.
    await lossesOf({ rules, ...flips, seed: 5, cache: { ...flips.cache, seed: 0 } })
    expect(below.mock.calls).toHaveLength(1)
    // Another picture at the same place.
    below.mockClear()
    await lossesOf({ rules, ...flips, data: [...data.slice(1), data[0]!] })
    expect(below.mock.calls.length).toBeGreaterThan(1)
  })

  it('of an evaluation are beside those of training, whose data is other data', async () => {
    const rules = [topLayers({ vision: 2, text: 1 }), ['.*', 1] as const]
    const plain = await lossesOf({ rules })
    const others = data.slice(6).map((sample) => ({ ...sample, text: 'something else' }))
    const cached = await lossesOf({ rules, cache: folder, evaluate: { every: 2, data: others } })
    near(cached.losses, plain.losses, 5e-3)
    const below = vi.spyOn(model, 'outputBelow')
    await lossesOf({ rules, cache: folder })
    expect(below.mock.calls).toHaveLength(2)
  })

  it('take what a locked tower gives in place of a picture', async () => {
    const vision = await VisionTower.fromPretrained(CHECKPOINT, { onWarning: () => undefined })
    const items = data.map(({ image }, id) => ({ id, image: image! }))
    const given: Sample[] = []
    for await (const { id, embedding } of embedImages(vision, processor, items, { normalize: false }))
      given.push({ ...data[id]!, ...(id % 2 === 0 && { image: undefined, pooled: embedding }) })
    await vision.dispose()
    const plain = await lossesOf({ cache: join(folder, 'plain') })
    near((await lossesOf({ cache: join(folder, 'mixed'), data: given })).losses, plain.losses, 1e-5)
    const faulty = async (options: Partial<TrainerOptions>) => {
      const { result } = await lossesOf({ batchSize: 2, data: given, maxBad: 1, ...options })
      return result.bad.names[0]
    }
    expect(await faulty({ cache: folder, rules: [topLayers({ vision: 1, text: 0 }), ['.*', 1]] })).toMatch(
      /has pooled, what a locked image tower gives, but layers of that are trained\. Lock it, or give pictures\./,
    )
    expect(await faulty({})).toMatch(/has no picture; pooled is for a tower that is locked, with cache\.$/)
    const short = [{ ...data[0]!, image: undefined, pooled: [1, 2] }, ...data]
    expect(await faulty({ cache: folder, data: short, batchSize: 4 })).toMatch(
      /has 2 values as pooled; the image tower gives \d+\.$/,
    )
  })

  it('name pictures that cannot be read', async () => {
    const bad: Sample = { image: new Uint8Array([1, 2, 3]), text: 'torn', key: 'torn.png' }
    const { result } = await lossesOf({
      cache: folder,
      data: [...data, bad],
      epochs: 1,
      steps: undefined,
      batchSize: 3,
    })
    expect(result.bad.count).toBe(1)
    expect(result.bad.names[0]).toMatch(/^torn\.png: /)
  })
})

describe('patches that are left out', () => {
  it('are the same from a cache and in the graph, and change the loss', async () => {
    // Nothing but the embeddings is locked: the cache holds what enters the first layer.
    const rules = [['(vision|text)_model\\.embeddings\\..*', null] as const, ['.*', 1] as const]
    const whole = await lossesOf({ rules })
    const inGraph = await lossesOf({ rules, patchDropout: 0.5 })
    const cached = await lossesOf({ rules, patchDropout: 0.5, cache: folder })
    near(cached.losses, inGraph.losses, 5e-3)
    expect(Math.abs(inGraph.losses[0]! - whole.losses[0]!)).toBeGreaterThan(2e-2)
    expect((await readdir(folder)).some((name) => name.startsWith('vision-0-'))).toBe(true)
  })

  it.each(['swin', 'convnext', 'beit-roberta'])('cannot be in %s', async (name) => {
    const other = await VisionTextDualEncoderModel.fromPretrained(`${TOWERS}${name}`)
    await expect(lossesOf({ model: other, patchDropout: 0.5, rules: [['.*', 1]] })).rejects.toMatchObject({
      code: 'bad-patch-dropout',
    })
    await other.dispose()
  })
})

describe('losses', () => {
  it.each<[string, Partial<TrainerOptions>]>([
    ['of the first values too', { dims: [128, 32] }],
    ['with hard negatives', { data: [], loss: 'clip' }],
    ['of which some are positives of each other', { data: [], positives: 'same' }],
    [
      'that are a function',
      {
        loss: (ops, { textEmbeds, imageEmbeds }) =>
          ops.mean(ops.sum(ops.mul(ops.sub(textEmbeds, imageEmbeds), ops.sub(textEmbeds, imageEmbeds)), [1]), [0]),
      },
    ],
  ])('%s, in chunks too', async (_, options) => {
    const more = options.positives ? { group: 1 } : { negatives: ['a pizza', 'a hat'] }
    const given = options.data ? { ...options, data: data.map((sample) => ({ ...sample, ...more })) } : options
    const { losses } = await lossesOf(given)
    expect(Math.abs(losses[0]! - (await lossesOf({})).losses[0]!)).toBeGreaterThan(1e-3)
    near((await lossesOf({ ...given, chunkSize: 3 })).losses, losses, 1e-4)
  })

  it("siglip's trains a bias of its own where the model has none, and says so", async () => {
    const warnings: Warning[] = []
    const { losses } = await lossesOf({
      loss: 'siglip',
      output: folder,
      onWarning: (warning) => warnings.push(warning),
    })
    expect(warnings.map(({ code }) => code)).toEqual(['own-logit-bias'])
    // -10 and a scale of 10: nearly all pairs are told apart, one in four rows costs about ten.
    expect(losses[0]).toBeGreaterThan(1)
    expect(losses[0]).toBeLessThan(11)
    const { tensors } = (await new Checkpoints(folder).load())!
    expect(tensors.get('params/logit_bias')!.data[0]).not.toBe(-10)
    const saved = await VisionTextDualEncoderModel.fromPretrained(folder)
    expect((await saved.logitScale()).data[0]).toBeCloseTo(Math.log(10), 1)
    await saved.dispose()
  })

  it('the default is what an open_clip model was trained with, as its config says, and its bias is its own', async () => {
    const place = fileURLToPath(new URL('../fixtures/open-clip/first-avg', import.meta.url))
    await using model = await OpenCLIPModel.fromPretrained(place)
    const given = await inputsOf(place)
    const pixelValues = firstRows(given.pixelValues, 2)
    const image = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const }
    const warnings: Warning[] = []
    const run = (loss?: 'clip' | 'siglip') =>
      lossesOf({
        model,
        processor: async (inputs) =>
          'images' in inputs ? { pixelValues } : { inputIds: firstRows(given.inputIds, 2) },
        data: [0, 1].map((n) => ({ image, text: `text ${n}` })),
        batchSize: 2,
        steps: 1,
        positives: 'diagonal',
        onWarning: (warning) => warnings.push(warning),
        ...(loss && { loss }),
      })
    const [own, siglip, clip] = [await run(), await run('siglip'), await run('clip')]
    expect(own.losses).toEqual(siglip.losses)
    expect(Math.abs(own.losses[0]! - clip.losses[0]!)).toBeGreaterThan(1e-3)
    expect(warnings).toEqual([])
  })

  it('distillation brings texts to another model of the same language, without a picture', async () => {
    const texts = data.flatMap(({ text }) => [...text])
    const inputs = await processor({ text: texts, padding: true })
    const { data: vectors, dims } = await model.getTextFeatures(inputs)
    const pairs = texts.map((text, i) => ({
      text: `un ${text}`,
      key: text,
      vector: vectors.slice(i * dims[1]!, (i + 1) * dims[1]!),
    }))
    const { losses } = await lossesOf({ loss: 'distillation', data: pairs, steps: 12, dropout: false })
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2)
  })
})

it('evaluates, keeps the best, and leaves what a run measures', async () => {
  const evaluate = { every: 2, data, keep: 'best' as const }
  const card = { name: 'emoji', license: 'mit', datasets: ['samples'] }
  const { result } = await lossesOf({ steps: 4, average: 0.5, evaluate, output: folder, modelCard: card, saveEvery: 3 })
  expect(Object.keys(result.evaluation!)).toEqual([
    'recall',
    ...['imageToText', 'textToImage'].flatMap((way) => [1, 5, 10].map((k) => `${way}Recall${k}`)),
  ])
  const files = await readdir(folder)
  for (const file of [
    'README.md',
    'checkpoints.json',
    'config.json',
    'metrics.jsonl',
    'model.safetensors',
    'report.html',
    'tensorboard',
    'tokenizer.json',
  ])
    expect(files).toContain(file)
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { step: number; recall?: number }).recall !== undefined)).toEqual([
    false,
    true,
    false,
    true,
  ])
  const readme = await readFile(join(folder, 'README.md'), 'utf8')
  expect(readme).toMatch(/name: "textToImageRecall5"[^]*## Training[^]*batchSize \| 4/)
  const best = (await new Checkpoints(folder).load('best'))!
  const trained = await VisionTextDualEncoderModel.fromPretrained(folder)
  const [weight] = (await trained.getTextFeatures(await processor({ text: ['a'] }))).data
  const again = await VisionTextDualEncoderModel.fromPretrained(join(folder, best.name))
  expect((await again.getTextFeatures(await processor({ text: ['a'] }))).data[0]).toBe(weight)
  // What the run has filled in is what the hub shows.
  await using hub = await FakeHub.start({ tokens: { write: {} } })
  const to = { endpoint: hub.url, token: 'write', card: readme }
  await pushToHub('org/trained', [trained, processor as VisionTextDualEncoderProcessor], to)
  expect(hub.fileOf('org/trained', 'README.md')?.bytes.toString()).toBe(readme)
  const from = { endpoint: hub.url, token: 'write', cacheDir: join(folder, 'cache') }
  const pulled = await VisionTextDualEncoderModel.fromPretrained('org/trained', from)
  expect((await pulled.getTextFeatures(await processor({ text: ['a'] }))).data[0]).toBe(weight)
  await pulled.dispose()
  await Promise.all([trained.dispose(), again.dispose()])
})

it('ends in the mean of the last checkpoints where that is wanted', async () => {
  await lossesOf({ steps: 4, output: folder, saveEvery: 1, average: { last: 2 }, keepCheckpoints: 1 })
  const last = await new Checkpoints(folder).loadLast(2)
  expect(last.map(({ step }) => step)).toEqual([3, 4])
  const trained = await VisionTextDualEncoderModel.fromPretrained(folder)
  const scales = last.map(({ tensors }) => tensors.get('params/logit_scale')!.data[0] as number)
  expect((await trained.logitScale()).data[0]).toBeCloseTo((scales[0]! + scales[1]!) / 2, 6)
  await trained.dispose()
})

it('goes on where a checkpoint cannot be written, and names it', async () => {
  const warnings: Warning[] = []
  let full = false
  const target = {
    async write(name: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
      if (full && name.startsWith('checkpoint-2/'))
        throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
      const { openTarget } = await import('@dual-encoder/core/backend')
      await (await openTarget(folder)).write(name, chunks)
    },
  }
  full = true
  const output = { source: folder, target }
  await lossesOf({ steps: 3, saveEvery: 1, output, onWarning: (warning) => warnings.push(warning) })
  expect(warnings.map(({ code }) => code)).toEqual(['checkpoint-failed'])
  expect(warnings[0]!.message).toMatch(/^Step 2: .*no space left/)
  expect((await new Checkpoints(folder).load())!.step).toBe(3)
})
