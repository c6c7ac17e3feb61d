import { towerConfigOf } from './tower-configs'
import { expect, it } from 'vitest'
import { BertConfig } from '../towers/text/bert.config'
import { EfficientNetConfig } from '../towers/vision/convolutional/efficientnet.config'
import { ViTConfig } from '../towers/vision/vit.config'
import { VisionTextDualEncoderConfig } from './dual-encoder-config'
import { override } from './tower-values'

const json = { model_type: 'vision-text-dual-encoder', vision_config: { model_type: 'vit' } }
const withText = (values: object) =>
  VisionTextDualEncoderConfig.fromJSON({ ...json, text_config: { model_type: 'bert', ...values } })

it.each([
  ['pooling', 'median', /"median"; it must be "cls", "mean" or "max"/],
  ['numHiddenLayers', '2', /num_hidden_layers is "2"/],
  ['numHiddenLayers', 1.5, /num_hidden_layers/],
  ['intermediateSize', 0, /intermediate_size/],
  ['imageSize', null, /image_size is null/],
  ['imageSize', [16], /\[height, width\]/],
  ['patchSize', 0, /patch_size/],
  ['layerNormEps', '1e-12', /layer_norm_eps/],
  ['encoderStride', 'constructor', /encoder_stride is "constructor"; it must be a number/],
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

it.each([
  [new EfficientNetConfig({ depthCoefficient: 'constructor' as never }), /depth_coefficient is "constructor"/],
  [
    new EfficientNetConfig({ numBlockRepeats: 'toString' as never }),
    /num_block_repeats is "toString"; it must be a list/,
  ],
  [new EfficientNetConfig({ strides: [1, '__proto__'] as never }), /strides is \[1,"__proto__"\]/],
])('refuses words in place of numbers and of lists of them: %#', (config, message) => {
  expect(() => override(config, {})).toThrow(
    expect.objectContaining({ code: 'bad-config-value', message: expect.stringMatching(message) as string }),
  )
})

it('refuses them in a config.json, and takes what Python takes', () => {
  expect(() => withText({ pooling: 'median' })).toThrow(expect.objectContaining({ code: 'bad-config-value' }))
  expect(() => withText({ vocab_size: null })).toThrow(/vocab_size is null/)
  expect(withText({ pad_token_id: null, pooling: null, num_hidden_layers: 0 }).textConfig.numHiddenLayers).toBe(0)
})

it('takes a whole tower config for its values, of the same model type', () => {
  const config = override(
    new ViTConfig({ extra: { kept: 1 } }),
    new ViTConfig({ hiddenAct: 'relu', extra: { more: 2 } }),
  )
  expect(config).toMatchObject({ hiddenAct: 'relu', extra: { kept: 1, more: 2 } })
  expect(() => override(new ViTConfig(), new BertConfig())).toThrow(
    expect.objectContaining({ code: 'wrong-model-type' }),
  )
})

it('keeps every key that it does not know, whatever it is called', () => {
  const kept = JSON.parse('{"__proto__":{"a":1},"constructor":2,"own":3}') as object
  const text = JSON.stringify(withText(kept))
  expect(JSON.parse(text)).toMatchObject({ text_config: { constructor: 2, own: 3 } })
  expect(text).toContain('"__proto__":{"a":1}')
})

it('says what makes a config of plain JSON', async () => {
  const config = { ...json, text_config: { model_type: 'bert' } } as never
  await expect(VisionTextDualEncoderConfig.fromPretrained('.', { config })).rejects.toMatchObject({
    code: 'bad-config',
  })
})

const vision = { hidden_size: 48, num_attention_heads: 4 }
it.each([
  ['flat', { ...vision, model_type: 'clip' }],
  ['nested', { model_type: 'clip', vision_config: vision }],
  ['under its older name', { model_type: 'clip', vision_config: null, vision_config_dict: vision }],
])('takes the vision tower of a whole CLIP that stands in place of it, %s', (_, given) => {
  const read = VisionTextDualEncoderConfig.fromJSON({
    ...json,
    vision_config: given,
    text_config: { model_type: 'bert' },
  })
  expect(read.visionConfig).toMatchObject({ modelType: 'clip_vision_model', hiddenSize: 48, numAttentionHeads: 4 })
  expect(towerConfigOf(given, 'vision')).toMatchObject({ ...vision, model_type: 'clip_vision_model' })
})

it.each([
  [{}, ['vit', 768, 'bert', 768]],
  [{ vision_config: null, text_config: { model_type: 'roberta' } }, ['vit', 768, 'roberta', 768]],
  [{ vision_config: { hidden_size: 48, num_attention_heads: 4 } }, ['vit', 48, 'bert', 768]],
])('takes ViT and BERT for what %j leaves out', (given, expected) => {
  const towersOf = ({ visionConfig: vision, textConfig: text }: VisionTextDualEncoderConfig) => [
    vision.modelType,
    vision.hiddenSize,
    text.modelType,
    text.hiddenSize,
  ]
  expect(towersOf(VisionTextDualEncoderConfig.fromJSON(given as never))).toEqual(expected)
  expect(towersOf(new VisionTextDualEncoderConfig())).toEqual(['vit', 768, 'bert', 768])
  expect(towersOf(new VisionTextDualEncoderConfig({ textConfig: new BertConfig({ hiddenSize: 24 }) }))[3]).toBe(24)
  expect(() => VisionTextDualEncoderConfig.fromJSON({ vision_config: 'vit' })).toThrow(
    expect.objectContaining({ code: 'bad-tower-config' }),
  )
})
