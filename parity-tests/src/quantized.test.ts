import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { convert, readSafetensors, SiglipConfig, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { describe, expect, it, vi } from 'vitest'
import { BACKENDS } from './backends'
import { difference } from './compare'
import { inputsOf } from './fixtures'

/* What we write as int8 is what Python was given, and every backend gives the logits that Python gives from it. */
const FIXTURES = resolve(import.meta.dirname, '../fixtures')
const CASES = ['vit-bert', 'beit-roberta', 'siglip-xlm-roberta', 'clip'] as const
const ofInt8 = (name: string) => join(FIXTURES, 'int8', name)
const original = (name: string) =>
  ['towers', 'families'].map((group) => join(FIXTURES, group, name)).find((folder) => existsSync(folder))!

const FILES = ['config.json', 'model.safetensors']

/** Holds what was saved, and saved again, to the bytes that Python loaded. */
async function expectSameFiles(recorded: string, ...saved: readonly string[]): Promise<void> {
  for (const file of FILES) {
    const given = await readFile(join(recorded, file))
    for (const folder of saved) expect(await readFile(join(folder, file))).toEqual(given)
  }
}

describe.each(CASES)('%s', (name) => {
  it('is saved as the int8 that Python loaded, and saved again to the same bytes', async () => {
    const [once, twice] = [await mkdtemp(join(tmpdir(), 'int8-')), await mkdtemp(join(tmpdir(), 'int8-'))]
    {
      await using model = (await onnx.AutoModel.fromPretrained(original(name))) as DualEncoderModel
      await model.savePretrained(once, { dtype: 'int8' })
    }
    if (process.env.DUAL_ENCODER_RECORD)
      for (const file of FILES) await cp(join(once, file), join(ofInt8(name), file), { recursive: true })
    await using model = (await onnx.AutoModel.fromPretrained(once)) as DualEncoderModel
    await model.savePretrained(twice, { dtype: 'int8' })
    await expectSameFiles(ofInt8(name), once, twice)
  })

  it('is far smaller', async () => {
    const sizes = [ofInt8(name), original(name)].map(async (folder) => (await stat(join(folder, FILES[1]!))).size)
    const [small = 0, whole = 0] = await Promise.all(sizes)
    expect(small / whole).toBeLessThan(0.6)
  })
})

/* Towers on their own, those under a head and those of a whole model among them. */
const TOWERS: Readonly<Record<string, 'vision' | 'text'>> = {
  vit: 'vision',
  siglip: 'vision',
  clip: 'vision',
  bert: 'text',
  'bert-for-sequence-classification': 'text',
}
const ofTower = (name: string) => join(FIXTURES, 'int8', `tower-${name}`)
const standalone = (name: string) => join(FIXTURES, 'standalone', name)
const quiet = { onWarning: () => undefined }

describe.each(Object.entries(TOWERS))('the tower of %s', (name, kind) => {
  const Tower = kind === 'vision' ? onnx.VisionTower : onnx.TextTower

  it('is saved as the int8 that Python loaded, and saved again to the same bytes', async () => {
    const [once, twice] = [await mkdtemp(join(tmpdir(), 'int8-')), await mkdtemp(join(tmpdir(), 'int8-'))]
    await using tower = await Tower.fromPretrained(standalone(name), quiet)
    await tower.savePretrained(once, { dtype: 'int8' })
    if (process.env.DUAL_ENCODER_RECORD)
      for (const file of FILES) await cp(join(once, file), join(ofTower(name), file), { recursive: true })
    await using again = (await onnx.AutoModel.fromPretrained(once)) as onnx.VisionTower
    expect(again).toBeInstanceOf(Tower)
    await again.savePretrained(twice, { dtype: 'int8' })
    await expectSameFiles(ofTower(name), once, twice)
  })

  it("gives Python's outputs from int8, and those of the original when saved as float32", async () => {
    const wanted = await readSafetensors(join(ofTower(name), 'expected.safetensors'))
    const whole = await readSafetensors(join(standalone(name), 'expected.safetensors'))
    const inputs = {
      pixelValues: whole.get('pixel_values') as Tensor,
      inputIds: whole.get('input_ids') as Tensor,
      attentionMask: whole.get('attention_mask') as Tensor,
    }
    const target = await mkdtemp(join(tmpdir(), 'int8-'))
    await using original = await Tower.fromPretrained(standalone(name), quiet)
    await original.savePretrained(target)
    for (const [folder, values] of [
      [ofTower(name), wanted],
      [target, whole],
    ] as const) {
      await using tower = (await onnx.AutoModel.fromPretrained(folder)) as onnx.TextTower
      const output = await tower.forward(inputs)
      for (const [key, ours] of Object.entries({ last_hidden_state: 'lastHiddenState', pooler_output: 'poolerOutput' }))
        expect(difference(output[ours as 'poolerOutput'], values.get(key) as Tensor).relative).toBeLessThan(1e-5)
    }
  })

  it('is converted to the same bytes', async () => {
    const target = await mkdtemp(join(tmpdir(), 'int8-'))
    // A whole model is converted as one.
    if (['siglip', 'clip'].includes(name)) return
    // Of a head that the tower leaves aside.
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    await convert(standalone(name), target, { dtype: 'int8' }).finally(() => {
      warned.mockRestore()
    })
    for (const file of FILES)
      expect(await readFile(join(target, file))).toEqual(await readFile(join(ofTower(name), file)))
  })
})

/* Whose rows are all divided by 32: drawn here, since models of the other fixtures are narrower. */
describe('SigLIP with a scale for every 32 columns', () => {
  const folder = join(FIXTURES, 'int8', 'siglip-groups')
  const layers = { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2 }
  const config = SiglipConfig.fromJSON({
    vision_config: { ...layers, image_size: 32, patch_size: 8, initializer_range: 0.3 },
    text_config: {
      ...layers,
      vocab_size: 64,
      max_position_embeddings: 16,
      projection_size: 32,
      initializer_range: 0.3,
    },
  })

  it('is saved as the int8 that Python loaded, and saved again to the same bytes', async () => {
    const [once, twice] = [await mkdtemp(join(tmpdir(), 'int8-')), await mkdtemp(join(tmpdir(), 'int8-'))]
    await using drawn = await onnx.SiglipModel.fromConfig(config, { seed: 1 })
    await drawn.savePretrained(once, { dtype: 'int8' })
    if (process.env.DUAL_ENCODER_RECORD)
      for (const file of FILES) await cp(join(once, file), join(folder, file), { recursive: true })
    await using model = await onnx.SiglipModel.fromPretrained(once)
    await model.savePretrained(twice, { dtype: 'int8' })
    await expectSameFiles(folder, once, twice)
    const [small, whole] = [await mkdtemp(join(tmpdir(), 'int8-')), await mkdtemp(join(tmpdir(), 'int8-'))]
    await convert(once, small)
    await expectSameFiles(folder, small)
    await drawn.savePretrained(whole)
    const sizes = [small, whole].map(async (one) => (await stat(join(one, FILES[1]!))).size)
    expect((await sizes[0])! / (await sizes[1])!).toBeLessThan(0.6)
  })

  it.each(BACKENDS.slice(0, 2))("gives Python's logits on $name", async ({ loadAuto, tolerances }) => {
    const wanted = (await readSafetensors(join(folder, 'expected.safetensors'))).get('logits_per_image') as Tensor
    await using model = (await loadAuto(folder)) as DualEncoderModel
    const { logitsPerImage } = await model.forward(await inputsOf(folder))
    expect(difference(logitsPerImage, wanted).absolute).toBeLessThan(tolerances.logits)
  })

  it.each(['int8', 'int8-fast'] as const)('is computed in %s from where it lies', async (dtype) => {
    await using whole = await onnx.SiglipModel.fromPretrained(folder)
    await using small = await onnx.SiglipModel.fromPretrained(folder, { dtype })
    const inputs = await inputsOf(folder)
    const [a, b] = [await whole.forward(inputs), await small.forward(inputs)]
    for (const key of ['imageEmbeds', 'textEmbeds'] as const) {
      const { absolute } = difference(b[key], a[key])
      expect(absolute).toBeGreaterThan(0)
      expect(absolute).toBeLessThan(0.03)
    }
  })
})

describe('a model of the family open_clip', () => {
  it.each(['xlm-roberta-mlp', 'gap-mlp-last'])('is saved and loaded as int8: %s', async (name) => {
    const folder = join(FIXTURES, 'open-clip', name)
    const [once, twice] = [await mkdtemp(join(tmpdir(), 'int8-')), await mkdtemp(join(tmpdir(), 'int8-'))]
    await using whole = (await onnx.AutoModel.fromPretrained(folder)) as DualEncoderModel
    await whole.savePretrained(once, { dtype: 'int8' })
    await using small = (await onnx.AutoModel.fromPretrained(once)) as DualEncoderModel
    expect(small.config.modelType).toBe('open_clip')
    await small.savePretrained(twice, { dtype: 'int8' })
    for (const file of FILES) expect(await readFile(join(twice, file))).toEqual(await readFile(join(once, file)))
    const inputs = await inputsOf(folder)
    const [a, b] = await Promise.all([whole.forward(inputs), small.forward(inputs)])
    const { absolute } = difference(a.imageEmbeds, b.imageEmbeds)
    expect(absolute).toBeGreaterThan(0)
    expect(absolute).toBeLessThan(0.05)
    // As float32 it goes back to open_clip.
    await small.savePretrained(twice)
    expect(existsSync(join(twice, 'open_clip_model.safetensors'))).toBe(true)
    // Whatever lay there before, what was saved last is read.
    await whole.savePretrained(twice)
    await using again = (await onnx.AutoModel.fromPretrained(twice)) as DualEncoderModel
    expect(difference((await again.forward(inputs)).imageEmbeds, a.imageEmbeds).absolute).toBe(0)
    await whole.savePretrained(twice, { dtype: 'int8' })
    await using int8 = (await onnx.AutoModel.fromPretrained(twice)) as DualEncoderModel
    expect(difference((await int8.forward(inputs)).imageEmbeds, b.imageEmbeds).absolute).toBe(0)
  })
})

describe.each(BACKENDS)('$name', ({ loadAuto, tolerances }) => {
  const cases = loadAuto === BACKENDS[0]?.loadAuto ? CASES : CASES.slice(0, 1)
  it.each(cases)("gives Python's logits from int8: %s", async (name) => {
    const wanted = (await readSafetensors(join(ofInt8(name), 'expected.safetensors'))).get('logits_per_image') as Tensor
    await using model = (await loadAuto(ofInt8(name))) as DualEncoderModel
    const { logitsPerImage } = await model.forward(await inputsOf(original(name)))
    expect(difference(logitsPerImage, wanted).absolute).toBeLessThan(tolerances.logits)
  })
})
