import { resolve } from 'node:path'
import { type Tensor, tensor } from '@dual-encoder/core'
import { InferenceSession } from 'onnxruntime-node'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { inputsOf } from '../../../parity-tests/src/fixtures'
import { VisionTextDualEncoderModel } from './families'
import { TextTower, VisionTower } from './model'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../parity-tests/fixtures/towers', name)
const FOLDER = fixture('vit-bert')
const load = (options = {}) => VisionTextDualEncoderModel.fromPretrained(FOLDER, options)

let inputs: Awaited<ReturnType<typeof inputsOf>>
beforeAll(async () => {
  inputs = await inputsOf(FOLDER)
})

describe('sessions', () => {
  it('are made for the encoder that runs, on the provider asked for', async () => {
    await using model = await load({ executionProviders: ['cpu'], threads: 1 })
    expect(model.providers).toEqual({ vision: [], text: [] })
    await model.getTextFeatures(inputs)
    expect(model.providers).toEqual({ vision: [], text: ['cpu'] })
    await model.getImageFeatures(inputs)
    expect(model.providers).toEqual({ vision: ['cpu'], text: ['cpu'] })
  })

  it('on an absent provider are an error that names those there are', async () => {
    await using model = await load({ executionProviders: ['npu-of-the-future'] })
    await expect(model.forward(inputs)).rejects.toMatchObject({
      code: 'provider-unavailable',
      message: expect.stringMatching(/"npu-of-the-future".*cpu/) as string,
    })
  })

  it('take ONNX Runtime’s own options, and the same numbers come out with prepacking off', async () => {
    await using plain = await load()
    await using low = await load({ lowMemory: true, threads: 1, sessionOptions: { graphOptimizationLevel: 'basic' } })
    await using refused = await load({ sessionOptions: { graphOptimizationLevel: 'no such level' } })
    const [a, b] = [await plain.forward(inputs), await low.forward(inputs)]
    a.logitsPerImage.data.forEach((value, i) => expect(b.logitsPerImage.data[i]).toBeCloseTo(value as number, 4))
    await expect(refused.forward(inputs)).rejects.toMatchObject({ code: 'session-failed' })
  })

  it.each([
    [{ threads: -1 }, /threads is -1; a whole number/],
    [{ threads: 'two' }, /threads is "two"/],
    [{ threads: 1.5 }, /threads is 1\.5/],
    [{ executionProviders: 'cpu' }, /executionProviders is "cpu"; a list/],
    [{ executionProviders: [] }, /executionProviders is \[\]/],
    [{ executionProviders: [{ name: 'cuda' }] }, /executionProviders is .*a list of at least one name/],
    [{ lowMemory: 'no' }, /lowMemory is "no"; true or false/],
    [{ sessionOptions: 'fast' }, /sessionOptions is "fast"; an object/],
    [{ sessionOptions: { executionProviders: ['cuda'] } }, /give the names as the option executionProviders/],
    [{ sessionOptions: { externalData: [] } }, /weights are those of the checkpoint/],
    [{ threads: 1, sessionOptions: { intraOpNumThreads: 2 } }, /Give one of them/],
  ])('refuse %o when the model or a tower is loaded', async (options, says) => {
    const refused = { code: 'bad-option', message: expect.stringMatching(says) as string }
    await expect(load(options)).rejects.toMatchObject(refused)
    await expect(
      VisionTower.fromPretrained(FOLDER, { ...options, onWarning: () => undefined } as never),
    ).rejects.toMatchObject(refused)
  })

  it.each(['vit-interpolate', 'beit-roberta', 'dinov3', 'convnext', 'dinov2-registers', 'mlcd'])(
    'of %s are one for each encoder, whatever outputs and image sizes are asked for',
    async (name) => {
      const live = new Set<InferenceSession>()
      let towers = 0
      const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>
      vi.spyOn(InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
        const session = await create(...args)
        // Others compute tables of positions.
        if (session.inputNames.includes('pixel_values')) towers++
        const release = session.release.bind(session)
        session.release = () => (live.delete(session), release())
        live.add(session)
        return session
      })
      try {
        const folder = fixture(name)
        await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
        const given = await inputsOf(folder)
        const [, channels, height, width] = given.pixelValues.dims as [number, number, number, number]
        const options = { interpolatePosEncoding: true }
        const ofSize = (h: number, w: number, of = model) =>
          of.getImageFeatures(
            { pixelValues: tensor(new Float32Array(channels * h * w).fill(0.5), [1, channels, h, w]) },
            options,
          )
        await model.getImageFeatures(given, options)
        expect(live.size).toBe(1)
        await model.getImageFeatures(given, { ...options, normalize: true })
        const [larger, wider] = [await ofSize(height + 32, width + 32), await ofSize(height, width + 64)]
        expect(await ofSize(height + 32, width + 32)).toEqual(larger)
        expect(await ofSize(height, width + 64)).toEqual(wider)
        expect(live.size).toBe(1)
        // One for the first size, and one for all.
        expect(towers).toBe(2)
        await model.forward(given, options)
        expect(live.size).toBe(2)
        await model.forward(given, { ...options, outputHiddenStates: true })
        expect(live.size).toBeGreaterThan(2)
        await model.forward(given, options)
        expect(live.size).toBe(2)
        await using same = await VisionTextDualEncoderModel.fromPretrained(folder)
        expect(await same.getImageFeatures(given, options)).toEqual(await model.getImageFeatures(given, options))
        expect(await ofSize(height + 32, width + 32, same)).toEqual(larger)
        expect(live.size).toBe(2)
        await model.dispose()
        expect(live.size).toBe(1)
        await same.dispose()
        expect(live.size).toBe(0)
      } finally {
        vi.restoreAllMocks()
      }
    },
  )

  it('leave the processor to the other tower after a run, where a model has two', async () => {
    const made = vi.spyOn(InferenceSession, 'create')
    try {
      await using model = await load()
      await using tower = await TextTower.fromPretrained(FOLDER, { onWarning: () => undefined })
      await model.getTextFeatures(inputs)
      await tower.forward(inputs)
      const stops = made.mock.calls.map((given) => {
        const { extra } = (given as unknown[]).at(-1) as InferenceSession.SessionOptions
        return (extra?.session as Record<string, unknown>).force_spinning_stop
      })
      expect(stops).toEqual(['1', undefined])
    } finally {
      vi.restoreAllMocks()
    }
  })

  it('are kept for the sizes last used, however many are', async () => {
    await using model = await VisionTextDualEncoderModel.fromPretrained(fixture('vit-interpolate'))
    const first = new Map<number, Tensor>()
    const sizes = Array.from({ length: 11 }, (_, i) => 24 + 6 * i)
    const run = (size: number) => {
      const pixelValues = tensor(new Float32Array(3 * size * size).fill(0.5), [1, 3, size, size])
      return model.getImageFeatures({ pixelValues }, { interpolatePosEncoding: true })
    }
    for (const size of sizes) first.set(size, await run(size))
    await Promise.all(sizes.map(async (size) => expect(await run(size)).toEqual(first.get(size))))
  })
})
