import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { float32Of, tensor } from '../../base/tensor'
import { DistilBertConfig } from '../../towers/text/distilbert.config'
import { ViTConfig } from '../../towers/vision/vit.config'
import { writeSafetensors } from '../../weights/safetensors/write'
import { VisionTextDualEncoderConfig } from '../dual-encoder-config'
import { initializeModel, joinTowers, loadTower } from '../load'
import { saveModel } from '../save'

const size = { hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 }
const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
  new ViTConfig({ ...size, intermediateSize: 16, imageSize: 8, patchSize: 4 }),
  new DistilBertConfig({ ...size, hiddenDim: 16, vocabSize: 20, pooling: 'cls' }),
  { projectionDim: 4, logitScaleInitValue: 3 },
)
const folder = () => mkdtemp(join(tmpdir(), 'dual-encoder-'))
const matrix = tensor(
  Float32Array.from({ length: 32 }, (_, i) => i / 7),
  [4, 8],
)

/** A text model as sentence-transformers saves it. */
async function sentenceModel(dense: object, weight = matrix): Promise<string> {
  const target = await folder()
  const { weights } = await initializeModel(config, 0)
  const { pooling: _, ...json } = config.textConfig.toJSON()
  const write = async (name: string, text: string | Uint8Array) => writeFile(join(target, name), text)
  const own = [...weights.values()].filter(({ name }) => name.startsWith('text_model.'))
  const tensors = await Promise.all(own.map(async ({ name, read }) => [name.slice(11), await read()] as const))
  await write('config.json', JSON.stringify(json))
  await write('model.safetensors', writeSafetensors(new Map(tensors), {}))
  await mkdir(join(target, '1_Pooling'))
  await write('1_Pooling/config.json', JSON.stringify({ pooling_mode_mean_tokens: true }))
  await mkdir(join(target, '2_Dense'))
  await write('2_Dense/config.json', JSON.stringify(dense))
  await write('2_Dense/model.safetensors', writeSafetensors(new Map([['linear.weight', weight]]), {}))
  return target
}

const PLAIN = { bias: false, activation_function: 'torch.nn.modules.linear.Identity' }
const keep = { projections: 'keep', onWarning: () => {} } as const

it('keeps the projections of a whole model and of 2_Dense, and draws nothing', async () => {
  const whole = await folder()
  const saved = await initializeModel(config, 5)
  await saveModel(whole, saved, {})
  const [vision, text] = [
    await loadTower('vision', whole, keep),
    await loadTower('text', await sentenceModel(PLAIN), keep),
  ]
  const joined = await joinTowers(vision, text, {
    projections: 'keep',
    onWarning: ({ message }) => expect.unreachable(message),
  })
  const value = async (name: string, from = joined.weights) => float32Of(await from.get(name)!.read())
  expect([joined.config.projectionDim, joined.config.textConfig.pooling]).toEqual([4, 'mean'])
  expect(await value('text_projection.weight')).toEqual(matrix.data)
  expect(await value('visual_projection.weight')).toEqual(await value('visual_projection.weight', saved.weights))
  expect(await value('logit_scale')).toEqual(Float32Array.of(3))

  const wider = await loadTower('text', await sentenceModel(PLAIN, { ...matrix, dims: [2, 16] }), keep)
  await expect(joinTowers(vision, wider, keep)).rejects.toThrow('gives 4 values, the texts')
  await expect(joinTowers(await loadTower('vision', whole, { onWarning: () => {} }), text, keep)).rejects.toThrow(
    'there is no visual_projection.weight, logit_scale to keep',
  )
})

it.each([
  [{ ...PLAIN, bias: true }, 'a bias'],
  [
    { ...PLAIN, activation_function: 'torch.nn.modules.activation.Tanh' },
    'the activation torch.nn.modules.activation.Tanh',
  ],
])('refuses a 2_Dense that is more than a matrix: %o', async (dense, named) => {
  await expect(loadTower('text', await sentenceModel(dense), keep)).rejects.toThrow(`2_Dense has ${named}`)
})
