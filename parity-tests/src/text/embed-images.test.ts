import { fileURLToPath } from 'node:url'

import { embedImages, type ImageItem, ImageProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel, VisionTower } from '@dual-encoder/onnx'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { jpegs } from './jpegs'

const MODEL = fileURLToPath(new URL('../../models/emoji-vit-bert', import.meta.url))
const COUNT = 5000
const isBad = (id: number) => id % 100 === 37

describe('embedImages', () => {
  let model: VisionTextDualEncoderModel
  let imageProcessor: ImageProcessor
  let pictures: Uint8Array[]
  const bad = new TextEncoder().encode('no picture')

  beforeAll(async () => {
    model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
    imageProcessor = await ImageProcessor.fromPretrained(MODEL)
    pictures = await jpegs(50, 64, 48)
  })
  afterAll(() => model.dispose())

  async function* items(count: number): AsyncGenerator<ImageItem<number>> {
    for (let id = 0; id < count; id++) yield { id, image: isBad(id) ? bad : pictures[id % pictures.length]! }
  }

  it(
    'answers 5,000 ids once and in order, a bad one with its error, in flat memory',
    { timeout: 300_000 },
    async () => {
      const embeddings = await model.getImageFeatures(await imageProcessor(pictures), { normalize: true })
      const size = embeddings.dims[1]!
      const memory: number[] = []
      const progress: number[] = []
      let id = 0
      const onProgress = ({ done }: { done: number }) => progress.push(done)
      for await (const answer of embedImages(model, { imageProcessor }, items(COUNT), { batchSize: 32, onProgress })) {
        expect(answer.id).toBe(id)
        if (isBad(id)) expect(answer.error).toMatchObject({ code: expect.stringMatching(/^image-/) as string })
        else {
          const row = id % pictures.length
          const wanted = (embeddings.data as Float32Array).subarray(row * size, (row + 1) * size)
          const error = answer.embedding!.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0)
          if (error > 1e-5) expect.fail(`the embedding of ${id} differs by ${error}`)
        }
        id++
        if (id % 500 === 0) memory.push(process.memoryUsage().rss / 2 ** 20)
      }
      expect(id).toBe(COUNT)
      expect(progress.at(-1)).toBe(COUNT)
      // What the second half of the pictures adds, in MB.
      expect(memory.at(-1)! - memory[4]!).toBeLessThan(40)
    },
  )

  it('takes batches without one good picture', async () => {
    const all = embedImages(model, { imageProcessor }, [{ id: 'a', image: bad }, { id: 'b', image: pictures[0]! }], { batchSize: 1 }) // prettier-ignore
    const answers = []
    for await (const answer of all) answers.push(answer)
    expect(answers.map(({ id, error }) => [id, error !== undefined])).toEqual([
      ['a', true],
      ['b', false],
    ])
  })

  it('embeds by a vision tower alone: its pooled output, of length 1', async () => {
    await using tower = await VisionTower.fromPretrained(MODEL, { onWarning: () => undefined })
    const list = pictures.slice(0, 3).map((image, id) => ({ id, image }))
    const { pixelValues } = await imageProcessor(list.map(({ image }) => image))
    const { poolerOutput } = await tower.forward({ pixelValues })
    const size = poolerOutput.dims[1]!
    for (const normalize of [true, false])
      for await (const { id, embedding } of embedImages(tower, imageProcessor, list, { normalize })) {
        const row = (poolerOutput.data as Float32Array).slice(id * size, (id + 1) * size)
        const norm = normalize ? Math.hypot(...row) : 1
        expect(embedding!.length).toBe(size)
        embedding!.forEach((value, i) => expect(value).toBeCloseTo(row[i]! / norm, 5))
      }
  })

  it('stops where it is told, and where its items fail', async () => {
    const controller = new AbortController()
    const run = async (source: AsyncGenerator<ImageItem<number>>, signal?: AbortSignal) => {
      let count = 0
      const options = { batchSize: 4, ...(signal && { signal }) }
      for await (const { id } of embedImages(model, { imageProcessor }, source, options)) {
        expect(id).toBe(count)
        if (++count === 6) controller.abort()
      }
      return count
    }
    await expect(run(items(1000), controller.signal)).rejects.toThrow(/abort/i)
    async function* failing(): AsyncGenerator<ImageItem<number>> {
      yield* items(5)
      throw new Error('the disk is gone')
    }
    await expect(run(failing())).rejects.toThrow('the disk is gone')
  })
})
