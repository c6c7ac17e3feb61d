import { OptionError, type Tensor, tensor } from '@dual-encoder/core'
import { atOnce, float32Of, type Pieces, type Primitives } from '@dual-encoder/core/backend'

/** The share of the new weights in the running mean after `step` (from 1 on): high at first, so that the start is soon forgotten. */
export const emaShare = (decay: number, step: number): number => 1 - Math.min(decay, (1 + step) / (10 + step))

/** The running mean of a parameter's values after a step. `share`: a scalar, `emaShare`. */
export const ema = <T>(ops: Primitives<T>, average: T, param: T, share: T): T =>
  ops.add(average, ops.mul(ops.sub(param, average), share))

/** Values that are summed before the work may pause. */
const PIECE = 2 ** 18

/** The mean of several sets of weights with the same names and shapes (the last checkpoints of a run), summed in float64. */
export const averageWeights = (sets: readonly ReadonlyMap<string, Tensor>[]): Map<string, Tensor<'float32'>> =>
  atOnce(averaging(sets))

export function* averaging(sets: readonly ReadonlyMap<string, Tensor>[]): Pieces<Map<string, Tensor<'float32'>>> {
  const [first, ...others] = sets
  if (!first) throw new OptionError('no-weights', 'averageWeights: no weights were given. Give at least one set.')
  for (const other of others) {
    const odd = [...new Set([...first.keys(), ...other.keys()])].find(
      (name) => first.get(name)?.dims.join() !== other.get(name)?.dims.join(),
    )
    if (odd !== undefined)
      throw new OptionError('weights-differ', `averageWeights: "${odd}" is not of one shape in all sets.`)
  }
  const means = new Map<string, Tensor<'float32'>>()
  for (const [name, { dims, data }] of first) {
    const mean = new Float32Array(data.length)
    const values = sets.map((set) => float32Of(set.get(name)!))
    for (let start = 0; start < mean.length; start += PIECE) {
      const sums = new Float64Array(Math.min(PIECE, mean.length - start))
      for (const all of values) sums.forEach((_, i) => (sums[i]! += all[start + i]!))
      sums.forEach((sum, i) => (mean[start + i] = sum / sets.length))
      yield
    }
    means.set(name, tensor(mean, dims))
  }
  return means
}
