import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import * as onnx from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
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
    for (const file of FILES) {
      const given = await readFile(join(ofInt8(name), file))
      expect(await readFile(join(once, file))).toEqual(given)
      expect(await readFile(join(twice, file))).toEqual(given)
    }
  })

  it('is far smaller', async () => {
    const sizes = [ofInt8(name), original(name)].map(async (folder) => (await stat(join(folder, FILES[1]!))).size)
    const [small = 0, whole = 0] = await Promise.all(sizes)
    expect(small / whole).toBeLessThan(0.6)
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
