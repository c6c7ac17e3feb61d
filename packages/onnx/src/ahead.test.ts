import { resolve } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { inputsOf } from '../../../parity-tests/src/fixtures'
import { runtime } from '#runtime'
import { VisionTextDualEncoderModel } from './families'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../parity-tests/fixtures', name)
const load = (dtype?: 'int8' | 'int8-fast') =>
  VisionTextDualEncoderModel.fromPretrained(fixture('int8/vit-bert'), dtype ? { dtype } : {})

const inputs = () => inputsOf(fixture('towers/vit-bert'))

/** Weights for texts are begun where there are other threads; these are too small for any. */
describe('what texts will need, begun before the session of pictures is made', () => {
  const { storeWeights } = runtime
  const threads = vi.spyOn(runtime, 'startThreads')
  const [stored, created] = [vi.spyOn(runtime, 'storeWeights'), vi.spyOn(InferenceSession, 'create')]
  beforeEach(() => {
    for (const spy of [threads, stored, created]) spy.mockClear()
    threads.mockReturnValue(true)
  })
  afterAll(() => threads.mockRestore())

  it.each(['int8', 'int8-fast'] as const)('gives the same embeddings of %s, of weights stored once', async (dtype) => {
    const { pixelValues, inputIds } = await inputs()
    threads.mockReturnValue(false)
    const alone = await load(dtype)
    const expected = await alone.getTextFeatures({ inputIds })
    await alone.dispose()
    threads.mockReturnValue(true)
    await using model = await load(dtype)
    stored.mockClear()
    await model.getImageFeatures({ pixelValues })
    expect(await model.getTextFeatures({ inputIds })).toEqual(expected)
    expect(stored).toHaveBeenCalledTimes(2)
  })

  it('makes no session that nobody asks for, and ends with the model', async () => {
    const { pixelValues, inputIds } = await inputs()
    const model = await load('int8-fast')
    await model.getImageFeatures({ pixelValues })
    await model.getImageFeatures({ pixelValues })
    const before = created.mock.calls.length
    await model.dispose()
    expect(created).toHaveBeenCalledTimes(before)
    await using again = await load('int8-fast')
    expect((await again.getTextFeatures({ inputIds })).dims[0]).toBe(inputIds.dims[0])
  })

  it('keeps no session waiting where all weights are stored by this thread, as in browsers', async () => {
    stored.mockImplementationOnce((entries) => storeWeights(entries))
    const { pixelValues } = await inputs()
    await using model = await load()
    expect((await model.getImageFeatures({ pixelValues })).dims[0]).toBe(pixelValues.dims[0])
  })

  it('is for int8 alone', async () => {
    const { pixelValues } = await inputs()
    await using model = await load()
    await model.getImageFeatures({ pixelValues })
    expect(stored).toHaveBeenCalledTimes(1)
    expect(threads).not.toHaveBeenCalled()
  })
})
