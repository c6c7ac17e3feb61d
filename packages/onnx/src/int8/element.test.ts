import { resolve } from 'node:path'
import { tensor } from '@dual-encoder/core'
import { InferenceSession } from 'onnxruntime-node'
import { afterEach, expect, it, vi } from 'vitest'
import { inputsOf } from '../../../../parity-tests/src/fixtures'
import { AutoModel } from '../families'
import type { OnnxModel } from '../model'
import * as elements from './element'
import type { Int8Element } from './plan'
import { makeInt8 } from './recipe'

vi.mock('./element', { spy: true })
afterEach(() => void vi.restoreAllMocks())

const fixture = (name: string) => resolve(import.meta.dirname, '../../../../parity-tests/fixtures', name)

it('asks the engine once whether its sums stop at 16 bits', async () => {
  const created = vi.spyOn(InferenceSession, 'create')
  const [first, second] = await Promise.all([elements.int8Element({}), elements.int8Element({})])
  expect(created).toHaveBeenCalledTimes(1)
  expect([first, ['int8', 'uint8'].includes(first)]).toEqual([second, true])
})

it.each([
  ['turned', 12, 5],
  ['turned', 64, 32],
  ['balanced', 16, 3],
  ['balanced', 96, 32],
] as const)('has the same steps of %s rows of %i for %i outputs as int8 and as bytes', (outliers, inputs, outputs) => {
  const weight = tensor(
    Float32Array.from({ length: outputs * inputs }, (_, i) => Math.sin(i * i)),
    [outputs, inputs],
  )
  const made = (element: Int8Element) =>
    makeInt8({ form: { form: 'rows', outliers }, element, beside: [] }, [weight]).map(({ data, dims }) => ({
      dims,
      data: Array.from(data, Number),
    }))
  const [values, ...others] = made('int8')
  const [bytes, ...same] = made('uint8')
  expect(bytes).toEqual({ dims: values!.dims, data: values!.data.map((step) => step + 128) })
  expect(same).toEqual(others)
})

it.each(['towers/vit-bert', 'towers/modernbert-biases', 'families/siglip'])(
  'computes the same of %s by bytes, where the engine loses nothing of int8',
  async (name) => {
    const given = await inputsOf(fixture(name))
    const embedded = async () => {
      await using model = (await AutoModel.fromPretrained(fixture(name), { dtype: 'int8-fast' })) as OnnxModel
      const { imageEmbeds, textEmbeds } = await model.forward(given)
      return [imageEmbeds.data, textEmbeds.data]
    }
    const here = await embedded()
    vi.mocked(elements.int8Element).mockResolvedValue('uint8')
    expect(await embedded()).toEqual(here)
  },
)
