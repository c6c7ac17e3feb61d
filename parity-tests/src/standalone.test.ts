import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readSafetensors, type Tensor, tensor, type Warning } from '@dual-encoder/core'
import { TextTower, VisionTextDualEncoderModel, VisionTower } from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference } from './compare'
import { keepEngine } from './keep-engine'

/** Lone models as people have them: what is left aside of each, and whether it brings a pooler. */
const MODELS: Record<string, { kind: 'vision' | 'text'; aside?: RegExp; pooling?: 'cls' }> = {
  vit: { kind: 'vision' },
  'vit-for-image-classification': { kind: 'vision', aside: /^classifier\./, pooling: 'cls' },
  'beit-for-image-classification': { kind: 'vision', aside: /^classifier\./ },
  clip: { kind: 'vision', aside: /^(text_model|text_projection|visual_projection|logit_scale)/ },
  siglip: { kind: 'vision', aside: /^(text_model|logit_scale|logit_bias)/ },
  'vit-for-masked-image-modeling': { kind: 'vision', aside: /^decoder\./, pooling: 'cls' },
  'chinese-clip': { kind: 'vision', aside: /^(text_model|text_projection|visual_projection|logit_scale)/ },
  bert: { kind: 'text' },
  'bert-for-sequence-classification': { kind: 'text', aside: /^classifier\./ },
  'bert-for-pretraining': { kind: 'text', aside: /^cls\./ },
  'roberta-for-masked-lm': { kind: 'text', aside: /^lm_head\./, pooling: 'cls' },
}
const folderOf = (name: string) => resolve(import.meta.dirname, '../fixtures/standalone', name)
const expectedOf = (name: string) => readSafetensors(join(folderOf(name), 'expected.safetensors'))
const NEW = ['logit_scale', 'text_projection.weight', 'visual_projection.weight']

async function inputsFor(vision: string, text: string) {
  const [images, texts] = [await expectedOf(vision), await expectedOf(text)]
  return {
    pixelValues: images.get('pixel_values') as Tensor,
    inputIds: texts.get('input_ids') as Tensor,
    attentionMask: texts.get('attention_mask'),
  }
}

describe.each(BACKENDS)('$name', ({ Model, tolerances }) => {
  keepEngine((folder) => Model.fromPretrained(folder))

  it.each(Object.entries(MODELS))('takes the tower of %s and leaves its head aside', async (name, about) => {
    const [vision, text] = about.kind === 'vision' ? [name, 'bert'] : ['vit', name]
    const warnings: Warning[] = []
    const options = {
      [about.kind]: about.pooling ? { pooling: about.pooling } : {},
      projectionDim: 9,
      logitScaleInitValue: 1.5,
      onWarning: (warning: Warning) => warnings.push(warning),
    }
    const model = await Model.fromVisionTextPretrained(folderOf(vision), folderOf(text), options)
    const aside = warnings.filter(({ code }) => code === 'head-left-aside').flatMap(({ names = [] }) => names)
    expect(aside.length > 0).toBe(about.aside !== undefined)
    expect(aside.filter((weight) => !about.aside?.test(weight))).toEqual([])
    expect(warnings.find(({ code }) => code === 'new-weights')?.names?.toSorted()).toEqual(NEW)

    const output = await model.forward(await inputsFor(vision, text))
    expect(output.imageEmbeds.dims).toEqual([2, 9])
    expect((await model.logitScale()).data[0]).toBe(1.5)
    expect(model.config).toMatchObject({ projectionDim: 9, logitScaleInitValue: 1.5 })
    const { lastHiddenState, poolerOutput } = output[`${about.kind}ModelOutput`]
    const expected = await expectedOf(name)
    const hidden = expected.get('last_hidden_state') as Tensor
    const [rows = 0, length = 0, size = 0] = hidden.dims
    expect(difference(lastHiddenState, hidden).relative).toBeLessThan(tolerances.hidden)
    // Where there is no pooler, the first token's vector.
    const first = Array.from({ length: rows }, (_, row) =>
      Array.from((hidden.data as Float32Array).subarray(row * length * size, row * length * size + size)),
    )
    const pooled: Tensor = about.pooling
      ? { dims: [rows, size], dtype: 'float32', data: Float32Array.from(first.flat()) }
      : (expected.get('pooler_output') as Tensor)
    expect(difference(poolerOutput, pooled).relative).toBeLessThan(tolerances.hidden)

    const target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await model.savePretrained(target)
    const again = await Model.fromPretrained(target)
    const { logitsPerImage } = await again.forward(await inputsFor(vision, text))
    expect(difference(logitsPerImage, output.logitsPerImage).absolute).toBeLessThan(1e-6)
    await Promise.all([model.dispose(), again.dispose(), rm(target, { recursive: true })])
  })

  it.each([
    ['vit-for-image-classification', 'bert'],
    ['vit-for-masked-image-modeling', 'bert'],
    ['vit', 'roberta-for-masked-lm'],
  ])('offers pooling where %s beside %s has no pooler', async (vision, text) => {
    const [images, texts] = [folderOf(vision), folderOf(text)]
    await expect(Model.fromVisionTextPretrained(images, texts, { onWarning: () => undefined })).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(/pooling: 'cls'.*'mean'/s) as string,
    })
  })

  it.each(['clip', 'siglip', 'chinese-clip'])('says how the tower of a whole %s is taken', async (name) => {
    await expect(Model.fromPretrained(folderOf(name))).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('fromVisionTextPretrained') as string,
    })
  })
})

describe('towers', () => {
  it('stand in for their sources, and give what Python gives', async () => {
    const onWarning = () => undefined
    const vision = await VisionTower.fromPretrained(folderOf('clip'), { onWarning })
    const text = await TextTower.fromPretrained(folderOf('bert-for-pretraining'), { onWarning })
    for (const [tower, name] of [
      [vision, 'clip'],
      [text, 'bert-for-pretraining'],
    ] as const) {
      const expected = await expectedOf(name)
      const inputs = await inputsFor('clip', 'bert-for-pretraining')
      const { poolerOutput } = await tower.forward(inputs)
      expect(difference(poolerOutput, expected.get('pooler_output') as Tensor).relative).toBeLessThan(1e-5)
    }
    const Model = BACKENDS[0]!.Model
    const given = [
      [vision, text],
      [folderOf('clip'), text],
      [vision, folderOf('bert-for-pretraining')],
    ] as const
    const logits = given.map(async ([a, b]) => {
      const model = await Model.fromVisionTextPretrained(a, b, { seed: 3, onWarning })
      const { logitsPerText } = await model.forward(await inputsFor('clip', 'bert-for-pretraining'))
      await model.dispose()
      return logitsPerText
    })
    const [first, ...others] = await Promise.all(logits)
    for (const other of others) expect(other).toEqual(first)
    await expect(Model.fromVisionTextPretrained(text, vision)).rejects.toMatchObject({
      code: 'wrong-tower',
    })
    await Promise.all([vision.dispose(), text.dispose()])
  })

  it('joined are the model of their sources', async () => {
    const onWarning = () => undefined
    await using vision = await VisionTower.fromPretrained(folderOf('vit'))
    await using text = await TextTower.fromPretrained(folderOf('bert'))
    const options = { seed: 5, projectionDim: 9, onWarning }
    await using joined = await VisionTextDualEncoderModel.fromTowers(vision, text, options)
    await using loaded = await VisionTextDualEncoderModel.fromVisionTextPretrained(
      folderOf('vit'),
      folderOf('bert'),
      options,
    )
    const inputs = await inputsFor('vit', 'bert')
    const [{ logitsPerText }, again] = [await joined.forward(inputs), await loaded.forward(inputs)]
    expect(logitsPerText).toEqual(again.logitsPerText)
    expect(joined.config.toJSON()).toEqual(loaded.config.toJSON())
  })

  it('take the values that override their configs', async () => {
    const options = { vision: { hiddenAct: 'relu' }, text: { layerNormEps: 0.1 }, onWarning: () => undefined }
    const [vision, text] = [folderOf('vit'), folderOf('bert')]
    await using plain = await VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, {
      onWarning: () => undefined,
    })
    await using model = await VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, options)
    expect(model.config.visionConfig).toMatchObject({ hiddenAct: 'relu', layerNormEps: 1e-12 })
    expect(model.config.textConfig).toMatchObject({ hiddenAct: 'gelu', layerNormEps: 0.1 })
    expect(model.config.toJSON()).toMatchObject({ vision_config: { hidden_act: 'relu' } })
    const inputs = await inputsFor('vit', 'bert')
    const [given, before] = [await model.forward(inputs), await plain.forward(inputs)]
    expect(difference(given.imageEmbeds, before.imageEmbeds).absolute).toBeGreaterThan(1e-3)
    expect(difference(given.textEmbeds, before.textEmbeds).absolute).toBeGreaterThan(1e-3)
    const unknown = VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, { vision: { hiddenSise: 4 } })
    await expect(unknown).rejects.toMatchObject({ message: expect.stringContaining('hiddenSise') as string })
  })

  it('take the same overrides when they are loaded already', async () => {
    const onWarning = () => undefined
    const options = { vision: { pooling: 'mean' }, text: { pooling: 'mean', layerNormEps: 0.1 }, seed: 5, onWarning }
    const [visionFolder, textFolder] = [folderOf('siglip'), folderOf('bert')]
    await using vision = await VisionTower.fromPretrained(visionFolder, { onWarning })
    await using text = await TextTower.fromPretrained(textFolder)
    const inputs = await inputsFor('siglip', 'bert')
    const models = await Promise.all([
      VisionTextDualEncoderModel.fromVisionTextPretrained(visionFolder, textFolder, options),
      VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, options),
      VisionTextDualEncoderModel.fromVisionTextPretrained(visionFolder, text, options),
      VisionTextDualEncoderModel.fromTowers(vision, text, options),
    ])
    const [expected, ...others] = await Promise.all(
      models.map(async (model) => (await model.forward(inputs)).logitsPerText),
    )
    for (const other of others) expect(other).toEqual(expected)
    for (const { config } of models) expect(config.toJSON()).toEqual(models[0]?.config.toJSON())
    await Promise.all(models.map((model) => model.dispose()))
    const unknown = VisionTextDualEncoderModel.fromVisionTextPretrained(vision, text, { vision: { hiddenSise: 4 } })
    await expect(unknown).rejects.toMatchObject({ code: 'unknown-config-value' })
  })

  it('may pool to another size alone, and not in a dual encoder', async () => {
    await using tower = await VisionTower.fromPretrained(folderOf('vit-pooler-size'))
    const { poolerOutput } = await tower.forward(await inputsFor('vit-pooler-size', 'bert'))
    const pooled = (await expectedOf('vit-pooler-size')).get('pooler_output') as Tensor
    expect(poolerOutput.dims).toEqual([2, 10])
    expect(difference(poolerOutput, pooled).relative).toBeLessThan(1e-5)
    const join = VisionTextDualEncoderModel.fromVisionTextPretrained(folderOf('vit-pooler-size'), folderOf('bert'))
    await expect(join).rejects.toMatchObject({ name: 'ConfigError', code: 'unsupported-config' })
  })

  it('of a SigLIP without head take the mean where they are told to', async () => {
    const folder = folderOf('siglip-without-head')
    const inputs = await inputsFor('siglip-without-head', 'bert')
    const tower = VisionTower.fromPretrained(folder).then((loaded) => loaded.forward(inputs))
    await expect(tower).rejects.toMatchObject({ name: 'ConfigError', code: 'no-pooler' })
    await using mean = await VisionTower.fromPretrained(folder, { config: { pooling: 'mean' } })
    const { lastHiddenState, poolerOutput } = await mean.forward(inputs)
    const hidden = (await expectedOf('siglip-without-head')).get('last_hidden_state') as Tensor<'float32'>
    expect(difference(lastHiddenState, hidden).relative).toBeLessThan(1e-5)
    const [rows = 0, length = 0, size = 0] = hidden.dims
    const means = Float32Array.from({ length: rows * size }, (_, at) => {
      const start = Math.floor(at / size) * length * size + (at % size)
      const column = Array.from({ length }, (_, token) => hidden.data[start + token * size] as number)
      return column.reduce((a, b) => a + b, 0) / length
    })
    expect(difference(poolerOutput, tensor(means, [rows, size])).relative).toBeLessThan(1e-5)
  })
})

describe.each(BACKENDS)('$name', ({ Model }) => {
  it('draws a whole model from a seed', async () => {
    const { config } = await VisionTextDualEncoderModel.fromVisionTextPretrained(folderOf('vit'), folderOf('bert'), {
      onWarning: () => undefined,
    })
    const inputs = await inputsFor('vit', 'bert')
    const logits = async (seed: number) => {
      await using model = await Model.fromConfig(config, { seed })
      return (await model.forward(inputs)).logitsPerText
    }
    const first = await logits(1)
    expect(await logits(1)).toEqual(first)
    expect(difference(await logits(2), first).absolute).toBeGreaterThan(1e-3)
  })
})
