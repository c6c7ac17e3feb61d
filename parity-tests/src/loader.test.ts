import { resolve } from 'node:path'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { DataLoader } from '@dual-encoder/train'
import { expect, it } from 'vitest'

const MODEL = resolve(import.meta.dirname, '../models/emoji-vit-bert')

it('a loader gives what the processor gives', async () => {
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(MODEL)
  const names = ['pizza', 'red-apple', 'rocket', 'snowman']
  const data = names.map((name) => ({ image: `${MODEL}/samples/${name}.png`, text: name, key: name }))
  const seen: string[] = []
  for await (const batch of new DataLoader(data, processor, { batchSize: 2, epochs: 1, seed: 4 })) {
    const images = batch.keys.map((name) => `${MODEL}/samples/${name}.png`)
    const { pixelValues, inputIds, attentionMask } = await processor({ images, text: [...batch.texts] })
    expect(batch).toMatchObject({ pixelValues, inputIds, attentionMask })
    seen.push(...batch.keys)
  }
  expect(seen.sort()).toEqual(names)
})
