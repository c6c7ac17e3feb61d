import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readSafetensors, type Tensor, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference, namedOutputs } from './compare'

const at = (path: string) => resolve(import.meta.dirname, '..', path)
const MODEL = at('models/emoji-vit-bert')

let bytes: Uint8Array[]
let texts: string[]
let expected: Map<string, Tensor>
beforeAll(async () => {
  const files = JSON.parse(await readFile(at('fixtures/end-to-end/case.json'), 'utf8')) as {
    images: string[]
    texts: string[]
  }
  bytes = await Promise.all(files.images.map((name) => readFile(at(`fixtures/images/files/${name}`))))
  texts = files.texts
  expected = await readSafetensors(at('fixtures/end-to-end/expected.safetensors'))
})

describe.each(BACKENDS)('$name', ({ Model, tolerances }) => {
  it.each(['torchvision', 'pil'] as const)('JPEG bytes and texts to logits are Python’s (%s)', async (backend) => {
    await using model = await Model.fromPretrained(MODEL)
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(MODEL, { backend })
    const output = namedOutputs(await model.forward(await processor({ images: bytes, text: texts, padding: true })))
    const worst = (name: string) =>
      difference(output.get(name) as Tensor, expected.get(`${backend}.${name}`) as Tensor).absolute
    expect(worst('logits_per_image')).toBeLessThan(tolerances.logits)
    expect(worst('image_embeds')).toBeLessThan(tolerances.embeds)
    expect(worst('text_embeds')).toBeLessThan(tolerances.embeds)
  })
})
