import { InputError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import { oneOf } from '../text/options'

/** What a model was trained with: CLIP's labels of a picture share a probability, SigLIP's have one each. */
export type LossType = 'clip' | 'siglip'

/**
 * Probabilities `[N, M]` of logits `[N, M]`: softmax over each row for CLIP's loss, sigmoid of each value for
 * SigLIP's.
 */
export function probabilitiesOf(logits: Tensor, loss: LossType = 'clip'): Tensor<'float32'> {
  oneOf('loss', loss, ['clip', 'siglip'])
  const size = logits.dims.at(-1) ?? 0
  if (logits.dtype !== 'float32' || logits.dims.length !== 2)
    throw new InputError(
      'bad-shape',
      `logits are ${logits.dtype} [${logits.dims.join(', ')}]; float32 [N, M] are needed.`,
    )
  const values = Float64Array.from(logits.data as Float32Array)
  if (loss === 'siglip') return tensor(Float32Array.from(values, sigmoid), logits.dims)
  for (let start = 0; start < values.length; start += size) {
    const row = values.subarray(start, start + size)
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity)
    row.forEach((value, i) => (row[i] = Math.exp(value - most)))
    const sum = row.reduce((a, b) => a + b, 0)
    row.forEach((value, i) => (row[i] = value / sum))
  }
  return tensor(Float32Array.from(values), logits.dims)
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
