import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
import { expectAsOriginal, familyOf } from './as-original'
import { BACKENDS } from './backends'
import { casesIn } from './fixtures'
import { keepEngine } from './keep-engine'

const cases = casesIn('open-clip')
const folderOf = (name: string) => cases.find((given) => given.name === name)!.folder

describe.each(BACKENDS)('$name', (backend) => {
  keepEngine(async (folder) => (await backend.loadAuto(folder)) as DualEncoderModel)

  it.each(cases)("gives open_clip's embeddings and logits, and saves what gives them again: $name", async (given) => {
    const { folder } = given
    const target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await expectAsOriginal(backend, folder, target)
    if (familyOf(folder) === 'open_clip' && existsSync(join(folder, 'open_clip_model.safetensors'))) {
      const [ours, theirs] = await Promise.all(
        [target, folder].map((at) => readSafetensors(join(at, 'open_clip_model.safetensors'))),
      )
      expect([...ours!.keys()].toSorted()).toEqual([...theirs!.keys()].toSorted())
      for (const [name, { dims, data }] of theirs!)
        expect([ours!.get(name)?.dims, ours!.get(name)?.data]).toEqual([dims, data])
    }
    await rm(target, { recursive: true })
  })
})

describe('an open_clip checkpoint', () => {
  it('is read by the class of the family that it equals, and by no other', async () => {
    expect(await onnx.AutoModel.fromPretrained(folderOf('siglip'))).toBeInstanceOf(onnx.SiglipModel)
    expect(await onnx.CLIPModel.fromPretrained(folderOf('quick-gelu'))).toBeInstanceOf(onnx.CLIPModel)
    await expect(onnx.CLIPModel.fromPretrained(folderOf('xlm-roberta-mlp'))).rejects.toMatchObject({
      code: 'wrong-model-class',
      message: expect.stringContaining('OpenCLIPModel') as string,
    })
  })

  it('gives its towers', async () => {
    const text = await onnx.TextTower.fromPretrained(folderOf('xlm-roberta-mlp'), { onWarning: () => undefined })
    expect(text.config).toMatchObject({ modelType: 'xlm-roberta', pooling: 'mean' })
    const vision = await onnx.VisionTower.fromPretrained(folderOf('siglip'), { onWarning: () => undefined })
    expect(vision.config.modelType).toBe('siglip_vision_model')
  })

  it("of CoCa's takes a mean of its texts' tokens, and no other pool of its pictures", async () => {
    const quiet = { onWarning: () => undefined }
    const text = await onnx.TextTower.fromPretrained(folderOf('coca'), { ...quiet, config: { pooling: 'mean' } })
    const inputs = await readSafetensors(join(folderOf('coca'), 'inputs.safetensors'))
    const { poolerOutput } = await text.forward({ inputIds: inputs.get('input_ids')! })
    expect(poolerOutput.dims).toEqual([4, 30])
    const vision = await onnx.VisionTower.fromPretrained(folderOf('coca'), {
      ...quiet,
      config: { pooling: 'mean' },
    }).catch((error: unknown) => error)
    expect(vision).toMatchObject({ code: 'bad-config-value' })
  })

  it('with what is not read says so', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
    await cp(folderOf('quick-gelu'), folder, { recursive: true })
    const file = join(folder, 'open_clip_config.json')
    const json = JSON.parse(await readFile(file, 'utf8')) as { model_cfg: Record<string, Record<string, unknown>> }
    const reads = async (part: string, change: object) => {
      const { model_cfg: model } = structuredClone(json)
      await writeFile(file, JSON.stringify({ model_cfg: { ...model, [part]: { ...model[part], ...change } } }))
      return onnx.AutoModel.fromPretrained(folder)
    }
    const unread = { code: 'unsupported-config' }
    await expect(reads('vision_cfg', { layers: [3, 4, 6, 3] })).rejects.toMatchObject(unread)
    await expect(reads('vision_cfg', { attentional_pool: 'parallel' })).rejects.toMatchObject(unread)
    await expect(reads('vision_cfg', { timm_model_name: 'vitamin_base_224' })).rejects.toMatchObject(unread)
    const plain = { timm_model_name: 'vit_base_patch16_224', timm_pool: 'avg', timm_proj: 'none' }
    await expect(reads('vision_cfg', plain)).rejects.toMatchObject(unread)
    await expect(reads('vision_cfg', { ...plain, timm_proj: 'linear', timm_pool: 'map' })).rejects.toMatchObject(unread)
    await expect(reads('text_cfg', { ls_init_value: 0.1 })).rejects.toMatchObject(unread)
    await expect(reads('text_cfg', { embed_cls: true, correct_cls_mask: true })).rejects.toMatchObject(unread)
    await expect(reads('text_cfg', { hf_model_name: './not-there' })).rejects.toMatchObject({ code: 'no-text-config' })
    await rm(folder, { recursive: true })
  })
})
