import { ConfigError } from '../../base/errors'
import { tensor, type Tensor } from '../../base/tensor'
import { rotationOf } from '../../ops/rotary'
import type { TextInput } from '../inputs'

/** transformers' `rope_parameters`. */
export interface RopeParameters {
  readonly rope_type?: string
  readonly rope_theta?: number
  readonly factor?: number
}

/** How fast each pair of a head's values turns: theta to the power of -2i / headSize, in float32. */
function frequencies(
  headSize: number,
  { rope_type: type = 'default', rope_theta: theta = 10000, factor = 1 }: RopeParameters,
): number[] {
  if (type !== 'default' && type !== 'linear')
    throw new ConfigError('unsupported-config', `rope_type "${type}" is not supported. Allowed: "default", "linear".`)
  for (const [name, value] of Object.entries({ rope_theta: theta, ...(type === 'linear' && { factor }) }))
    if (!(Number.isFinite(value) && value > 0))
      throw new ConfigError('bad-config-value', `${name} is ${JSON.stringify(value)}; it must be a positive number.`)
  const { fround } = Math
  return Array.from({ length: headSize / 2 }, (_, i) => {
    const frequency = fround(1 / fround(theta ** fround((2 * i) / headSize)))
    return type === 'linear' ? fround(frequency / factor) : frequency
  })
}

/** The cosines or sines of a rotary embedding, at the positions of the tokens: `[B, L, 1, headSize]`. */
const rotary = <C>(
  part: 'cos' | 'sin',
  of: (config: C) => { readonly headSize: number; readonly rope: RopeParameters },
): TextInput<C> => ({
  dtype: 'float32',
  dims: (config) => ['batch', 'length', 1, of(config).headSize],
  make(config, { inputIds: { dims, data: ids }, positionIds }) {
    const { headSize, rope } = of(config)
    const [batch = 1, length = 1] = dims
    const turns = frequencies(headSize, rope)
    // In most batches every row has the same positions.
    const rows = positionIds ? ids.length : length
    const at = (i: number): number => (positionIds ? Number(positionIds.data[i]) : i)
    const angles = Array.from({ length: rows }, (_, i) => turns.map((turn) => Math.fround(at(i) * turn)))
    const one: Tensor<'float32'> = rotationOf(angles)[part]
    const all = new Float32Array(batch * length * headSize)
    for (let start = 0; start < all.length; start += one.data.length) all.set(one.data, start)
    return tensor(all, [batch, length, 1, headSize])
  },
})

/** Both, as inputs that the host makes. */
export const rotaryInputs = <C>(
  of: Parameters<typeof rotary<C>>[1],
): { readonly cos: TextInput<C>; readonly sin: TextInput<C> } => ({
  cos: rotary('cos', of),
  sin: rotary('sin', of),
})
