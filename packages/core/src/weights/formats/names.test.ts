import { expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
import type { WeightEntry } from '../entry'
import { pytorchName, toPyTorch } from './names'

it.each([
  ['text_model/embeddings/word_embeddings/embedding', 2, 'text_model.embeddings.word_embeddings.weight', undefined],
  [
    'text_model/encoder/layer/0/output/LayerNorm/scale',
    1,
    'text_model.encoder.layer.0.output.LayerNorm.weight',
    undefined,
  ],
  ['vision_model.encoder.layer.0.output.dense.kernel', 2, 'vision_model.encoder.layer.0.output.dense.weight', [1, 0]],
  [
    'vision_model/embeddings/patch_embeddings/projection/kernel',
    4,
    'vision_model.embeddings.patch_embeddings.projection.weight',
    [3, 2, 0, 1],
  ],
  ['vision_model/encoder/layer/0/lambda_1', 1, 'vision_model.encoder.layer.0.lambda_1', undefined],
  ['visual_projection/kernel', 2, 'visual_projection.weight', [1, 0]],
  ['logit_scale', 0, 'logit_scale', undefined],
] as const)('Flax: %s', (name, rank, wanted, axes) => {
  expect(pytorchName(name, rank, 'flax')).toEqual({ name: wanted, axes })
})

it.each([
  ['text_model/bert/embeddings/word_embeddings/weight:0', 2, 'text_model.embeddings.word_embeddings.weight', undefined],
  [
    'text_model/roberta/embeddings/position_embeddings/embeddings:0',
    2,
    'text_model.embeddings.position_embeddings.weight',
    undefined,
  ],
  [
    'text_model/bert/encoder/layer_._11/output/LayerNorm/gamma:0',
    1,
    'text_model.encoder.layer.11.output.LayerNorm.weight',
    undefined,
  ],
  [
    'text_model/bert/encoder/layer_._0/output/LayerNorm/beta:0',
    1,
    'text_model.encoder.layer.0.output.LayerNorm.bias',
    undefined,
  ],
  [
    'text_model/albert/encoder/albert_layer_groups_._0/albert_layers_._0/ffn/kernel:0',
    2,
    'text_model.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight',
    [1, 0],
  ],
  [
    'vision_model/clip/vision_model/encoder/layers_._0/mlp/fc1/kernel:0',
    2,
    'vision_model.vision_model.encoder.layers.0.mlp.fc1.weight',
    [1, 0],
  ],
  [
    'vision_model/vit/embeddings/patch_embeddings/projection/kernel:0',
    4,
    'vision_model.embeddings.patch_embeddings.projection.weight',
    [3, 2, 0, 1],
  ],
  ['vision_model/swin/encoder/old___layers/0/norm/gamma', 1, 'vision_model.encoder.layers.0.norm.weight', undefined],
  ['bert/pooler/dense/kernel:0', 2, 'bert.pooler.dense.weight', [1, 0]],
  ['text_projection/kernel:0', 2, 'text_projection.weight', [1, 0]],
  ['logit_scale:0', 1, 'logit_scale', undefined],
] as const)('TensorFlow: %s', (name, rank, wanted, axes) => {
  expect(pytorchName(name, rank, 'tensorflow')).toEqual({ name: wanted, axes })
})

const entry = (name: string, dims: readonly number[]): [string, WeightEntry] => {
  const size = dims.reduce((a, b) => a * b, 1)
  const value = tensor(
    Float32Array.from({ length: size }, (_, i) => i),
    dims,
  )
  return [name, { name, shape: dims, storage: 'F32', read: () => Promise.resolve(value) }]
}

it('transposes a linear kernel and a convolution when they are read', async () => {
  const weights = toPyTorch(new Map([entry('a/kernel', [2, 3]), entry('b/kernel', [1, 2, 3, 4])]), 'flax', 'a test')
  expect(await weights.get('a.weight')?.read()).toEqual(tensor(new Float32Array([0, 3, 1, 4, 2, 5]), [3, 2]))
  const convolution = weights.get('b.weight')
  expect(convolution?.shape).toEqual([4, 3, 1, 2])
  // HWIO [0, y, i, o] -> OIHW [o, i, 0, y]: o runs slowest, y fastest.
  expect([...((await convolution?.read())?.data as Float32Array).slice(0, 8)]).toEqual([0, 12, 4, 16, 8, 20, 1, 13])
})

it('refuses two names that become one', () => {
  expect(() => toPyTorch(new Map([entry('a/kernel', [2, 3]), entry('a/scale', [3])]), 'flax', 'a test')).toThrow(
    /a\/scale.*a\/kernel/,
  )
})
