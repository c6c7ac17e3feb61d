import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference } from './compare'
import { casesIn, inputsOf } from './fixtures'
import { violation } from './tolerances'

const cases = casesIn('big-vision')
const folderOf = (name: string) => cases.find((given) => given.name === name)!.folder
const familyOf = (folder: string) =>
  (JSON.parse(readFileSync(join(folder, 'family.json'), 'utf8')) as { family: string }).family
const OUTPUTS = {
  image_embeds: 'imageEmbeds',
  text_embeds: 'textEmbeds',
  logits_per_image: 'logitsPerImage',
  logits_per_text: 'logitsPerText',
} as const

let target: string
beforeEach(async () => (target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))))
afterEach(() => rm(target, { recursive: true }))

describe.each(BACKENDS)('$name', ({ loadAuto, tolerances }) => {
  /** An engine, with all that it has compiled, ends with its last model: this one keeps it. */
  let keeper: DualEncoderModel
  beforeAll(async () => {
    keeper = (await loadAuto(cases[0]!.folder)) as DualEncoderModel
    await keeper.forward(await inputsOf(cases[0]!.folder))
  })
  afterAll(() => keeper.dispose())

  it.each(cases)("gives big_vision's embeddings and logits, and saves what gives them again: $name", async (given) => {
    const { folder } = given
    const expected = await readSafetensors(join(folder, 'expected.safetensors'))
    const inputs = await inputsOf(folder)
    const far = async (model: DualEncoderModel) => {
      const output = await model.forward(inputs)
      return Object.entries(OUTPUTS).flatMap(([name, ours]) => {
        const [wanted, value] = [expected.get(name) as Tensor, output[ours]]
        expect(value.dims).toEqual(wanted.dims)
        return violation(name, difference(value, wanted), tolerances) ?? []
      })
    }
    await using model = (await loadAuto(folder)) as DualEncoderModel
    expect(model.config.modelType).toBe(familyOf(folder))
    expect(await far(model)).toEqual([])
    await model.savePretrained(target)
    await using again = (await loadAuto(target)) as DualEncoderModel
    expect(again.config.modelType).toBe(familyOf(folder))
    expect(await far(again)).toEqual([])
  })
})

describe('an .npz of big_vision', () => {
  it('is read beside others where its path is given, and else is an error', async () => {
    for (const [name, file] of Object.entries({ siglip: 'a.npz', 'lit-tok': 'b.npz' }))
      await cp(join(folderOf(name), 'checkpoint.npz'), join(target, file))
    await using model = (await onnx.AutoModel.fromPretrained(join(target, 'a.npz'))) as onnx.SiglipModel
    expect(model).toBeInstanceOf(onnx.SiglipModel)
    await expect(onnx.AutoModel.fromPretrained(target)).rejects.toMatchObject({ code: 'several-checkpoints' })
  })

  it('gives its towers', async () => {
    await using vision = await onnx.VisionTower.fromPretrained(folderOf('lit-tok'), { onWarning: () => undefined })
    expect(vision.config).toMatchObject({ modelType: 'vit', pooling: 'cls', imageSize: 24, patchSize: 6 })
    await using text = await onnx.TextTower.fromPretrained(folderOf('siglip'), { onWarning: () => undefined })
    expect(text.config).toMatchObject({ modelType: 'siglip_text_model', vocabSize: 60, maxPositionEmbeddings: 9 })
  })

  it('that is cut short, no archive or of other arrays is a typed error', async () => {
    const bytes = await readFile(join(folderOf('siglip'), 'checkpoint.npz'))
    const reads = async (content: Uint8Array) => {
      await writeFile(join(target, 'x.npz'), content)
      return onnx.AutoModel.fromPretrained(target)
    }
    const typed = { name: 'CheckpointError' }
    await expect(reads(bytes.subarray(0, bytes.length / 2))).rejects.toMatchObject(typed)
    await expect(reads(new TextEncoder().encode('PK\x03\x04 nothing'))).rejects.toMatchObject(typed)
    const other = (from: string, to: string) => Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1')
    await expect(reads(other("'descr': '<f4'", "'descr': '<c8'"))).rejects.toMatchObject({ code: 'bad-npy' })
    await expect(reads(other("'shape': (60, 20)", "'shape': (59, 20)"))).rejects.toMatchObject(typed)
    await expect(reads(other('img/embedding/', 'img/Embedding/'))).rejects.toMatchObject({ code: 'no-two-towers' })
    await expect(reads(other('txt/Embed_0/', 'txt/Bert__0/'))).rejects.toMatchObject({ code: 'unsupported-config' })
    await expect(reads(other('img/pos_embedding', 'img/pos_embedd_no'))).rejects.toMatchObject({
      code: 'unsupported-config',
      message: expect.stringContaining('sincos2d') as string,
    })
  })
})
