import { expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
import { type RopeParameters, rotaryInputs } from './rope'

it.each<[RopeParameters, RegExp]>([
  [{ rope_type: 'constructor' }, /rope_type "constructor" is not supported/],
  [{ rope_theta: 'toString' as never }, /rope_theta is "toString"/],
  [{ rope_theta: 0 }, /rope_theta is 0/],
  [{ rope_type: 'linear', factor: null as never }, /factor is null/],
])('refuses %j, of which angles would be NaN', (rope, message) => {
  const { cos } = rotaryInputs(() => ({ headSize: 4, rope }))
  const inputIds = tensor([1n, 2n], [1, 2], 'int64')
  const refused = expect.objectContaining({ name: 'ConfigError', message: expect.stringMatching(message) as string })
  expect(() => cos.make({}, { inputIds })).toThrow(refused)
})
