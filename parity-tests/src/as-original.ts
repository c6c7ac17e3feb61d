import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FromPretrainedOptions, readSafetensors, type Tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { expect } from 'vitest'
import type { Backend } from './backends'
import { difference } from './compare'
import { inputsOf } from './fixtures'
import { violation } from './tolerances'

const OUTPUTS = {
  image_embeds: 'imageEmbeds',
  text_embeds: 'textEmbeds',
  logits_per_image: 'logitsPerImage',
  logits_per_text: 'logitsPerText',
} as const

interface AsRead {
  readonly family: string
  /** What its files do not say. */
  readonly options?: FromPretrainedOptions
}
const asRead = (folder: string) => JSON.parse(readFileSync(join(folder, 'family.json'), 'utf8')) as AsRead

/** The family that another library's checkpoint is read as. */
export const familyOf = (folder: string): string => asRead(folder).family

/** Holds a checkpoint of another library to that one's embeddings and logits, and so what is saved of it in `target`. */
export async function expectAsOriginal(
  { loadAuto, tolerances }: Pick<Backend, 'loadAuto' | 'tolerances'>,
  folder: string,
  target: string,
): Promise<void> {
  const expected = await readSafetensors(join(folder, 'expected.safetensors'))
  const inputs = await inputsOf(folder)
  const hold = async (model: DualEncoderModel) => {
    expect(model.config.modelType).toBe(familyOf(folder))
    const output = await model.forward(inputs)
    const far = Object.entries(OUTPUTS).flatMap(([name, ours]) => {
      const [wanted, value] = [expected.get(name) as Tensor, output[ours]]
      expect(value.dims).toEqual(wanted.dims)
      return violation(name, difference(value, wanted), tolerances) ?? []
    })
    expect(far).toEqual([])
  }
  await using model = (await loadAuto(folder, asRead(folder).options)) as DualEncoderModel
  await hold(model)
  await model.savePretrained(target)
  await using again = (await loadAuto(target)) as DualEncoderModel
  await hold(again)
}
