import { expect, it } from 'vitest'
import { resizeMatrix } from './positions'

// Rows 9 and 13 of torch.nn.functional.interpolate of the identity, from 24 to 14 positions, PyTorch 2.13.
it.each([
  [
    'bilinear',
    9,
    [
      [15, 0.21428585052490234],
      [16, 0.7857141494750977],
    ],
  ],
  [
    'bilinear',
    13,
    [
      [22, 0.3571434020996094],
      [23, 0.6428565979003906],
    ],
  ],
  [
    'bicubic',
    9,
    [
      [14, -0.027059078216552734],
      [15, 0.2172924280166626],
      [16, 0.9089831113815308],
      [17, -0.09921646118164062],
    ],
  ],
  [
    'bicubic',
    13,
    [
      [21, -0.06149792671203613],
      [22, 0.4022420048713684],
      [23, 0.6592559218406677],
    ],
  ],
] as const)('%s weights of row %i are those of PyTorch', (mode, row, wanted) => {
  const { data } = resizeMatrix([1, 24], [1, 14], mode)
  const given = data.slice(row * 24, (row + 1) * 24)
  const expected = new Float32Array(24)
  for (const [column, weight] of wanted) expected[column] = weight
  for (const [column, weight] of expected.entries())
    expect(Math.abs((given[column] as number) - weight)).toBeLessThan(1.3e-7)
})
