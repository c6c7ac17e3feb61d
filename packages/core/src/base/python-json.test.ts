import { expect, it } from 'vitest'
import { ConfigError } from './errors'
import type { JsonObject } from './pretrained-config'
import { pythonJson } from './python-json'

const circle = {}

it('keeps whole floats floats where transformers takes nothing else', () => {
  const tower = (type: string) => ({ model_type: type, mlp_ratio: 4, initializer_range: 1, hidden_size: 8 })
  const json = pythonJson({ vision_config: tower('swinv2'), text_config: tower('dinov2'), mask_ratio: 0 })
  expect(json.match(/"mlp_ratio": .*?,/g)).toEqual(['"mlp_ratio": 4.0,', '"mlp_ratio": 4,'])
  expect(json.match(/"initializer_range": .*?,/g)).toEqual(['"initializer_range": 1.0,', '"initializer_range": 1.0,'])
  expect(json).toContain('"mask_ratio": 0.0')
  expect(json.match(/"hidden_size": .*/g)).toEqual(['"hidden_size": 8', '"hidden_size": 8'])
})

it.each([
  ['nested 20,000 deep', () => Array.from({ length: 20_000 }).reduce<object>((inner) => ({ inner }), {})],
  ['that holds itself', () => Object.assign(circle, { circle })],
  ['with a bigint', () => ({ size: 1n })],
])('says that a config %s cannot be written', (_, make) => {
  expect(() => pythonJson({ extra: make() as JsonObject })).toThrow(ConfigError)
  expect(() => pythonJson({ extra: make() as JsonObject })).toThrow(
    /^The config cannot be written as JSON: .{8,80}\. Take out/,
  )
})
