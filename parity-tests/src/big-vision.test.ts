import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectAsOriginal } from './as-original'
import { BACKENDS } from './backends'
import { casesIn } from './fixtures'
import { keepEngine } from './keep-engine'

const cases = casesIn('big-vision')
const folderOf = (name: string) => cases.find((given) => given.name === name)!.folder

let target: string
beforeEach(async () => (target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))))
afterEach(() => rm(target, { recursive: true }))

describe.each(BACKENDS)('$name', (backend) => {
  keepEngine(async (folder) => (await backend.loadAuto(folder)) as DualEncoderModel)

  it.each(cases)("gives big_vision's embeddings and logits, and saves what gives them again: $name", ({ folder }) =>
    expectAsOriginal(backend, folder, target),
  )
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

  it('with positions that are computed is of pictures of 224, unless a call says otherwise', async () => {
    await using whole = await onnx.AutoModel.fromPretrained(folderOf('sincos2d-map'))
    expect(whole.config).toMatchObject({ visionConfig: { imageSize: 224 } })
    const given = onnx.AutoModel.fromPretrained(folderOf('sincos2d-map'), { vision: { imageSize: [24, 30] } })
    await expect(given).rejects.toMatchObject({ code: 'wrong-shape' })
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
    await expect(reads(other('txt/Embed_0/', 'txt/Else__0/'))).rejects.toMatchObject({ code: 'unsupported-config' })
    await expect(reads(other("'shape': (6, 6, 3, 20), ", "'shape': (108, 20),     "))).rejects.toMatchObject({
      code: 'unsupported-config',
      message: expect.stringContaining('NaFlex') as string,
    })
  })
})
