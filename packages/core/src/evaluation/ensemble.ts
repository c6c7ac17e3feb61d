import { InputError } from '../base/errors'
import { type Tensor, tensor } from '../base/tensor'
import { rowsOf, unitRows } from './blocks'

/** An ensemble of embeddings of the same things, `[N, D]` each: rows of length 1, averaged, and of length 1 again. */
export function ensembleEmbeds(sets: readonly Tensor[]): Tensor<'float32'> {
  const [first, ...others] = sets
  if (!first) throw new InputError('no-inputs', 'ensembleEmbeds: no embeddings were given. Give at least one tensor.')
  const { count, size } = rowsOf('embeddings', first)
  const odd = others.find(({ dims }) => dims.join() !== first.dims.join())
  if (odd)
    throw new InputError(
      'bad-shape',
      `ensembleEmbeds: [${first.dims.join(', ')}] and [${odd.dims.join(', ')}] were given; all have to be of one shape.`,
    )
  const sums = new Float64Array(count * size)
  for (const set of sets) unitRows(rowsOf('embeddings', set)).data.forEach((value, i) => (sums[i]! += value))
  const mean = Float32Array.from(sums, (sum) => sum / sets.length)
  return tensor(unitRows({ data: mean, count, size }).data, [count, size])
}
