import { expect, it } from 'vitest'
import { VisionTextDualEncoderConfig } from './dual-encoder-config'
import { presentConfig } from './tower-configs'

const text = { model_type: 'bert', hidden_size: 40, num_attention_heads: 5 }
const vision = { hidden_size: 48, num_attention_heads: 4, image_size: 30, patch_size: 6 }
const present = {
  model_type: 'vision-text-dual-encoder',
  text_config: text,
  vision_config: { ...vision, model_type: 'clip_vision_model' },
}

it.each([
  ['type clip', { text_config: text, vision_config: { ...vision, model_type: 'clip' } }],
  ['type clip_vision_model', { text_config: text, vision_config: { ...vision, model_type: 'clip_vision_model' } }],
  ['*_config_dict', { text_config_dict: text, vision_config_dict: { ...vision, model_type: 'clip' } }],
  [
    '*_config_dict beside null',
    {
      text_config: null,
      text_config_dict: text,
      vision_config: null,
      vision_config_dict: { ...vision, model_type: 'clip' },
    },
  ],
  ['a whole CLIP', { text_config: text, vision_config: { model_type: 'clip', vision_config: vision } }],
  [
    'a whole CLIP with *_config_dict',
    { text_config: text, vision_config: { model_type: 'clip', vision_config_dict: vision } },
  ],
])('a hybrid-clip with %s is a vision-text-dual-encoder', (_, parts) => {
  const json = { model_type: 'hybrid-clip', architectures: ['HybridCLIP'], projection_dim: 32, ...parts }
  expect(presentConfig(json)).toEqual({ ...present, projection_dim: 32 })
  const config = VisionTextDualEncoderConfig.fromJSON(json)
  expect(config.visionConfig).toMatchObject({ modelType: 'clip_vision_model', hiddenSize: 48, imageSize: 30 })
  expect(config.toJSON()).toMatchObject({ architectures: ['VisionTextDualEncoderModel'] })
})

it('leaves every other config as it is', () => {
  expect(presentConfig(present)).toBe(present)
})
