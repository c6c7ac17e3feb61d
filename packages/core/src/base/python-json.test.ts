import { expect, it } from 'vitest'
import { pythonJson } from './python-json'

it('keeps whole floats floats where transformers takes nothing else', () => {
  const tower = (type: string) => ({ model_type: type, mlp_ratio: 4, initializer_range: 1, hidden_size: 8 })
  const json = pythonJson({ vision_config: tower('swinv2'), text_config: tower('dinov2'), mask_ratio: 0 })
  expect(json.match(/"mlp_ratio": .*?,/g)).toEqual(['"mlp_ratio": 4.0,', '"mlp_ratio": 4,'])
  expect(json.match(/"initializer_range": .*?,/g)).toEqual(['"initializer_range": 1.0,', '"initializer_range": 1.0,'])
  expect(json).toContain('"mask_ratio": 0.0')
  expect(json.match(/"hidden_size": .*/g)).toEqual(['"hidden_size": 8', '"hidden_size": 8'])
})
