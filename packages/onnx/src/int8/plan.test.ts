import { BertConfig, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { initializeModel, type LoadedModel, type Param } from '@dual-encoder/core/backend'
import { beforeAll, expect, it } from 'vitest'
import { int8Plan, type Int8Plan } from './plan'

const size = { hiddenSize: 64, numHiddenLayers: 4, numAttentionHeads: 2, intermediateSize: 64 }
let model: LoadedModel
beforeAll(async () => {
  const [vision, text] = [
    new ViTConfig({ ...size, imageSize: 16, patchSize: 8 }),
    new BertConfig({ ...size, vocabSize: 8 }),
  ]
  model = await initializeModel(VisionTextDualEncoderConfig.fromVisionTextConfigs(vision, text), 1)
})
const weight = { name: 'w', shape: [64, 64], init: { kind: 'zeros' } } as unknown as Param

it.each(['int8', 'int8-fast'] as const)('has rows for pictures, of parts of a weight as well, in %s', (dtype) => {
  const plan = int8Plan(model.vision, dtype, 'int8')
  expect(plan(weight, 'pooled')).toBeUndefined()
  expect(plan(weight)).toMatchObject({ form: 'rows' })
  expect(plan({ ...weight, rows: [0, 32] })).toMatchObject({ form: 'rows' })
  expect(plan({ ...weight, shape: [64] })).toBeUndefined()
})

it('has words for what the last quarter of a vision tower attends to, in int8', () => {
  const [careful, fast] = (['int8', 'int8-fast'] as const).map((dtype) => int8Plan(model.vision, dtype, 'int8'))
  const names = [...model.weights.keys()].filter((name) =>
    /^vision_model.*(value|attention.output).*weight$/.test(name),
  )
  const forms = (plan: Int8Plan) => names.map((name) => plan({ ...weight, name }, 'attended')?.form)
  expect(forms(careful!)).toEqual(['rows', 'rows', 'rows', 'rows', 'rows', 'rows', 'words', 'words'])
  expect(forms(fast!)).toEqual(names.map(() => 'rows'))
})

it('has turned rows for texts, but words for what is attended to (int8) and rows as they are of an activation (int8-fast)', () => {
  const [careful, fast] = (['int8', 'int8-fast'] as const).map((dtype) => int8Plan(model.text, dtype, 'int8'))
  const forms = (['attended', 'scores', 'activated', undefined] as const).map((part) => [
    careful!(weight, part),
    fast!(weight, part),
  ])
  const turned = { form: 'rows', outliers: 'turned' }
  const both = { form: 'rows', outliers: 'balanced and turned' }
  expect(forms).toEqual([
    [{ form: 'words' }, turned],
    [turned, turned],
    [both, { form: 'rows', outliers: 'balanced' }],
    [both, turned],
  ])
})

it('leaves float32 what would be words where the engine multiplies bytes by bytes', () => {
  for (const kind of ['vision', 'text'] as const) {
    const plan = int8Plan(model[kind], 'int8', 'uint8')
    const last = [...model.weights.keys()].findLast((name) => name.startsWith(kind) && name.endsWith('value.weight'))
    expect(plan({ ...weight, name: last! }, 'attended')).toBeUndefined()
    expect(plan(weight, 'scores')).toMatchObject({ form: 'rows' })
  }
})
