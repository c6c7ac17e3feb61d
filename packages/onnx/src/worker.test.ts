import { resolve } from 'node:path'
import { tensor, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { expect, it, vi } from 'vitest'
import { VisionTextDualEncoderModel } from './index'

const FOLDER = resolve(import.meta.dirname, '../../../parity-tests/models/emoji-vit-bert')
const PICTURES = ['pizza', 'airplane', 'dog-face'].map((name) => `${FOLDER}/samples/${name}.png`)

it('on a thread of its own the engine gives the same bits, and the caller goes on meanwhile', async () => {
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(FOLDER)
  const images = Array.from({ length: 96 }, (_, i) => PICTURES[i % PICTURES.length]!)
  const inputs = await processor({ images, text: ['a pizza', 'a dog'] })
  await using here = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { threads: 1 })
  await using there = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { threads: 1, worker: true })
  const wanted = await here.forward(inputs)
  expect((await there.forward(inputs)).logitsPerImage.data).toEqual(wanted.logitsPerImage.data)

  /** The longest that a caller's timers waited, as a share of the call. */
  const blocked = async (model: VisionTextDualEncoderModel) => {
    let [last, longest] = [performance.now(), 0]
    const look = () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    const started = last
    const timer = setInterval(look, 1)
    await model.getImageFeatures(inputs)
    look()
    clearInterval(timer)
    return longest / (performance.now() - started)
  }
  expect(await blocked(here)).toBeGreaterThan(0.8)
  await vi.waitFor(async () => expect(await blocked(there)).toBeLessThan(0.5))
})

it('a model that cannot be opened there leaves the thread to others', async () => {
  await using one = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { worker: true })
  const ids = { inputIds: tensor(BigInt64Array.of(2n, 5n, 3n), [1, 3]) }
  const { data } = await one.getTextFeatures(ids)
  const sessionOptions = { graphOptimizationLevel: 'much' as 'all' }
  await using other = await VisionTextDualEncoderModel.fromPretrained(FOLDER, { worker: true, sessionOptions })
  await expect(other.getTextFeatures(ids)).rejects.toMatchObject({ code: 'session-failed' })
  expect((await one.getTextFeatures(ids)).data).toEqual(data)
})
