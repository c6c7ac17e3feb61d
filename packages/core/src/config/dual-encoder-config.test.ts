import { expect, it } from 'vitest'
import { BertConfig } from '../towers/bert'
import { ViTConfig } from '../towers/vit'
import { override, VisionTextDualEncoderConfig } from './dual-encoder-config'

const json = { model_type: 'vision-text-dual-encoder', vision_config: { model_type: 'vit' } }
const withText = (values: object) =>
  VisionTextDualEncoderConfig.fromJSON({ ...json, text_config: { model_type: 'bert', ...values } })

it.each([
  ['pooling', 'max', /"max"; it must be "cls" or "mean"/],
  ['numHiddenLayers', '2', /num_hidden_layers is "2"/],
  ['numHiddenLayers', 1.5, /num_hidden_layers/],
  ['intermediateSize', 0, /intermediate_size/],
  ['imageSize', null, /image_size is null/],
  ['imageSize', [16], /\[height, width\]/],
  ['patchSize', 0, /patch_size/],
  ['layerNormEps', '1e-12', /layer_norm_eps/],
  ['hiddenSize', 770, /num_attention_heads/],
])('refuses %s %j wherever it is given', (name, value, message) => {
  const refused = expect.objectContaining({
    code: 'bad-config-value',
    message: expect.stringMatching(message) as string,
  })
  expect(() => override(new ViTConfig(), { [name]: value })).toThrow(refused)
  const config = new ViTConfig({ [name]: value })
  expect(() => VisionTextDualEncoderConfig.fromVisionTextConfigs(config, new BertConfig())).toThrow(refused)
})

it('refuses them in a config.json, and takes what Python takes', () => {
  expect(() => withText({ pooling: 'max' })).toThrow(expect.objectContaining({ code: 'bad-config-value' }))
  expect(() => withText({ vocab_size: null })).toThrow(/vocab_size is null/)
  expect(withText({ pad_token_id: null, pooling: null, num_hidden_layers: 0 }).textConfig.numHiddenLayers).toBe(0)
})
