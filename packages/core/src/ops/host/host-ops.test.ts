import { expect, it } from 'vitest'
import { erf } from './activations'

it.each([
  [0, 0],
  [0.5, 0.5204998778130465],
  [-1, -0.8427007929497149],
  [2.4999, 0.9995928300996666],
  [3, 0.9999779095030014],
  [7, 1],
])('erf(%s) is %s', (x, expected) => {
  expect(Math.abs(erf(x) - expected)).toBeLessThan(4e-16)
})
