import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readSafetensors, type Tensor, type Warning } from '@dual-encoder/core'
import { TextTower, VisionTower } from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference } from './compare'

/** Lone models as people have them: what is left aside of each, and whether it brings a pooler. */
const MODELS: Record<string, { kind: 'vision' | 'text'; aside?: RegExp; pooling?: 'cls' }> = {
  vit: { kind: 'vision' },
  'vit-for-image-classification': { kind: 'vision', aside: /^classifier\./, pooling: 'cls' },
  'beit-for-image-classification': { kind: 'vision', aside: /^classifier\./ },
  clip: { kind: 'vision', aside: /^(text_model|text_projection|visual_projection|logit_scale)/ },
  siglip: { kind: 'vision', aside: /^(text_model|logit_scale|logit_bias)/ },
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
    ['vit', 'roberta-for-masked-lm'],
  ])('offers pooling where %s beside %s has no pooler', async (vision, text) => {
    await expect(Model.fromVisionTextPretrained(folderOf(vision), folderOf(text))).rejects.toMatchObject({
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
    ] as unknown as [string, string][]
    const logits = given.map(async ([a, b]) => {
      const model = await Model.fromVisionTextPretrained(a, b, { seed: 3, onWarning })
      const { logitsPerText } = await model.forward(await inputsFor('clip', 'bert-for-pretraining'))
      await model.dispose()
      return logitsPerText
    })
    const [first, ...others] = await Promise.all(logits)
    for (const other of others) expect(other).toEqual(first)
    await expect(Model.fromVisionTextPretrained(text as never, vision as never)).rejects.toMatchObject({
      code: 'wrong-tower',
    })
    await Promise.all([vision.dispose(), text.dispose()])
  })
})
