import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference, namedOutputs } from './compare'
import { casesIn, firstRows, inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'
import { violation } from './tolerances'

const cases = casesIn('families')
const folderOf = (name: string) => cases.find((given) => given.name === name)!.folder

describe.each(BACKENDS)('$name', ({ Model, loadAuto, tolerances }) => {
  keepEngine((folder) => Model.fromPretrained(folder))

  describe.each(cases)('$name', ({ folder }) => {
    it("gives Python's outputs, features and loss, and saves what gives them again", async () => {
      const expected = await readSafetensors(join(folder, 'expected.safetensors'))
      const inputs = await inputsOf(folder)
      const far = (name: string, given: Tensor | undefined): string | undefined => {
        const wanted = expected.get(name) as Tensor
        return given ? violation(name, difference(given, wanted), tolerances) : `${name} is missing`
      }
      await using model = (await loadAuto(folder)) as DualEncoderModel
      const named = namedOutputs(await model.forward(inputs, { outputHiddenStates: true, outputAttentions: true }))
      const names = [...expected.keys()].filter((name) => name !== 'loss')
      expect(names.length).toBeGreaterThan(14)
      expect(names.map((name) => far(name, named.get(name))).filter(Boolean)).toEqual([])

      const rows = Object.fromEntries(
        Object.entries(inputs).map(([name, value]) => [name, firstRows(value as Tensor, 3)]),
      )
      const { loss } = await model.forward(rows as never, { returnLoss: true })
      const wantedLoss = expected.get('loss')?.data[0] as number
      expect(Math.abs((loss?.data[0] as number) - wantedLoss)).toBeLessThan(tolerances.loss * Math.max(1, wantedLoss))

      const [texts, images] = [
        await model.getTextFeatures(inputs, { normalize: true }),
        await model.getImageFeatures(inputs, { normalize: true }),
      ]
      expect([far('text_embeds', texts), far('image_embeds', images)].filter(Boolean)).toEqual([])
      const unit = (await model.getTextFeatures(inputs)).data.slice(0, texts.dims[1])
      const norm = Math.hypot(...(unit as Float32Array))
      expect(texts.data[0] as number).toBeCloseTo((unit[0] as number) / norm, 5)

      const target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
      await model.savePretrained(target)
      const [ours, theirs] = await Promise.all(
        [target, folder].map((at) => readSafetensors(join(at, 'model.safetensors'))),
      )
      // transformers 5.24 writes AltCLIP's vision layers under names that no released checkpoint has.
      const released = (name: string) => name.replace('vision_model.encoder.layer.', 'vision_model.encoder.layers.')
      expect([...ours!.keys()].toSorted()).toEqual([...theirs!.keys()].map(released).toSorted())
      for (const [name, { dims }] of theirs!) expect(ours!.get(released(name))?.dims).toEqual(dims)
      await using again = (await loadAuto(target)) as DualEncoderModel
      // Without attentions, which fused kernels do not give.
      expect(far('logits_per_text', (await again.forward(inputs)).logitsPerText)).toBeUndefined()
      await rm(target, { recursive: true })
    })
  })
})

describe('the class', () => {
  it('of another family says which one to use', async () => {
    await expect(onnx.CLIPModel.fromPretrained(folderOf('siglip'))).rejects.toMatchObject({
      code: 'wrong-model-class',
      message: expect.stringContaining('SiglipModel.fromPretrained') as string,
    })
    await expect(onnx.VisionTextDualEncoderModel.fromPretrained(folderOf('altclip'))).rejects.toMatchObject({
      code: 'whole-model',
      message: expect.stringContaining('AltCLIPModel.fromPretrained') as string,
    })
    await expect(onnx.CLIPModel.fromVisionTextPretrained(folderOf('clip'), folderOf('clip'))).rejects.toMatchObject({
      code: 'wrong-model-class',
    })
  })

  it('is the one that model_type names', async () => {
    const classes = {
      clip: onnx.CLIPModel,
      siglip: onnx.SiglipModel,
      'chinese-clip': onnx.ChineseCLIPModel,
      'metaclip-2': onnx.MetaClip2Model,
      altclip: onnx.AltCLIPModel,
    }
    for (const [name, type] of Object.entries(classes))
      expect(await onnx.AutoModel.fromPretrained(folderOf(name))).toBeInstanceOf(type)
  })

  it("of SigLIP 2's other form (NaFlex) is an error that says what is read", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    const vision_config = { model_type: 'siglip2_vision_model', num_patches: 256, patch_size: 16 }
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ model_type: 'siglip2', vision_config, text_config: {} }),
    )
    for (const type of [onnx.AutoModel, onnx.SiglipModel, onnx.CLIPModel, onnx.VisionTextDualEncoderModel])
      await expect(type.fromPretrained(folder)).rejects.toMatchObject({
        name: 'ConfigError',
        code: 'unsupported-model-type',
        message: expect.stringMatching(/"siglip2".*NaFlex.*is read by SiglipModel/) as string,
      })
    await rm(folder, { recursive: true })
  })

  it('of one half is a tower', async () => {
    const text = await onnx.TextTower.fromPretrained(folderOf('altclip'), { onWarning: () => undefined })
    expect(text.config.modelType).toBe('altclip_text_model')
    const inputs = await inputsOf(folderOf('altclip'))
    const { poolerOutput } = await text.forward(inputs)
    const expected = await readSafetensors(join(folderOf('altclip'), 'expected.safetensors'))
    expect(difference(poolerOutput, expected.get('text_pooler_output') as Tensor).relative).toBeLessThan(1e-5)
  })

  it('draws a model of a config', async () => {
    const { config } = (await onnx.AutoModel.fromPretrained(folderOf('siglip'))) as onnx.OnnxModel
    await using model = await onnx.SiglipModel.fromConfig(config, { seed: 1 })
    expect((await model.logitBias())?.data[0]).toBe(0)
    await expect(onnx.CLIPModel.fromConfig(config)).rejects.toMatchObject({ code: 'wrong-model-type' })
  })
})
