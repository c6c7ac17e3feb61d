import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { difference, namedOutputs } from './compare'
import { casesIn, firstRows, inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'
import { violation } from './tolerances'

/** Outputs of other calls, compared by their own tests. */
const OTHER_CALLS = /^(loss|loss_logits_per_text|text_features|image_features)$/

/** Checkpoints as Flax, TensorFlow and older PyTorch wrote them, held to the numbers of whoever wrote them. */
describe.each(BACKENDS)('$name', ({ Model, tolerances }) => {
  keepEngine((folder) => Model.fromPretrained(folder))

  describe.each(casesIn('originals'))('$name', ({ folder }) => {
    const tooFar = (given: ReadonlyMap<string, Tensor>, wanted: ReadonlyMap<string, Tensor>) =>
      [...wanted].flatMap(([name, value]) => {
        const tensor = given.get(name)
        if (!tensor) return [`${name} is missing`]
        return violation(name, difference(tensor, value), tolerances) ?? []
      })
    const expectedOf = async () => readSafetensors(`${folder}/expected.safetensors`)
    const forward = async (source: string) => {
      await using model = await Model.fromPretrained(source)
      const output = await model.forward(await inputsOf(folder), { outputHiddenStates: true, outputAttentions: true })
      return namedOutputs(output)
    }

    it("gives the original's outputs, and still after savePretrained", async () => {
      const expected = new Map([...(await expectedOf())].filter(([name]) => !OTHER_CALLS.test(name)))
      expect(expected.size).toBeGreaterThanOrEqual(5)
      expect(tooFar(await forward(folder), expected)).toEqual([])
      const target = await mkdtemp(join(tmpdir(), 'dual-encoder-'))
      const model = await Model.fromPretrained(folder)
      await model.savePretrained(target)
      await model.dispose()
      expect(tooFar(await forward(target), expected)).toEqual([])
      const json = JSON.parse(await readFile(`${target}/config.json`, 'utf8')) as object
      expect(json).toMatchObject({
        model_type: 'vision-text-dual-encoder',
        architectures: ['VisionTextDualEncoderModel'],
      })
    })

    it("gives the original's features and loss, tower by tower", async () => {
      const expected = await expectedOf()
      const [model, inputs] = [await Model.fromPretrained(folder), await inputsOf(folder)]
      const { pixelValues, inputIds, attentionMask } = inputs
      // The originals' features were taken without token types.
      const given = new Map<string, Tensor>()
      if (expected.has('text_features'))
        given.set('text_features', await model.getTextFeatures({ inputIds, attentionMask }))
      if (expected.has('image_features')) given.set('image_features', await model.getImageFeatures({ pixelValues }))
      if (expected.has('loss')) {
        const count = pixelValues.dims[0] as number
        const pairs = Object.fromEntries(
          Object.entries(inputs).map(([name, value]) => [name, firstRows(value as Tensor | undefined, count)]),
        ) as unknown as typeof inputs
        const { loss } = await model.forward(pairs, { returnLoss: true })
        if (loss) given.set('loss', loss)
      }
      await model.dispose()
      const others = [...expected].filter(([name]) => OTHER_CALLS.test(name) && name !== 'loss_logits_per_text')
      expect(tooFar(given, new Map(others))).toEqual([])
    })
  })
})
