import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { describe, expect, it } from 'vitest'
import { folder } from './index'

const DEMO = new URL('../../../tools/demo/', import.meta.url)
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(new URL(name, DEMO), 'utf8'))

describe('the shipped model', () => {
  it.each(['torchvision', 'pil'] as const)('gives Python’s logits (pictures as %s)', async (backend) => {
    const pictures = (await read('pictures/pictures.json')) as { file: string; label: string }[]
    const { logits_per_image: expected } = (await read('expected.json')) as {
      logits_per_image: Record<string, number[][]>
    }
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(folder, { backend })
    const inputs = await processor({
      images: pictures.map(({ file }) => fileURLToPath(new URL(`pictures/${file}.jpg`, DEMO))),
      text: pictures.map(({ label }) => `a photo of ${label}`),
    })
    const { logitsPerImage } = await model.forward(inputs)
    const wanted = expected[backend]?.flat() ?? []
    const differences = wanted.map((value, i) => Math.abs(value - Number(logitsPerImage.data[i])))
    expect(differences).toHaveLength(144)
    expect(Math.max(...differences)).toBeLessThan(1e-4)
  })
})
