import { OptionError, type Tensor, tensor } from '@dual-encoder/core'
import { float32Of, type Primitives } from '@dual-encoder/core/backend'

/** The share of the new weights in the running mean after `step` (from 1 on): high at first, so that the start is soon forgotten. */
export const emaShare = (decay: number, step: number): number => 1 - Math.min(decay, (1 + step) / (10 + step))

/** The running mean of a parameter's values after a step. `share`: a scalar, `emaShare`. */
export const ema = <T>(ops: Primitives<T>, average: T, param: T, share: T): T =>
  ops.add(average, ops.mul(ops.sub(param, average), share))

/** The mean of several sets of weights with the same names and shapes (the last checkpoints of a run), summed in float64. */
export function averageWeights(sets: readonly ReadonlyMap<string, Tensor>[]): Map<string, Tensor<'float32'>> {
  const [first, ...others] = sets
  if (!first) throw new OptionError('no-weights', 'averageWeights: no weights were given. Give at least one set.')
  for (const other of others) {
    const odd = [...new Set([...first.keys(), ...other.keys()])].find(
      (name) => first.get(name)?.dims.join() !== other.get(name)?.dims.join(),
    )
    if (odd !== undefined)
      throw new OptionError('weights-differ', `averageWeights: "${odd}" is not of one shape in all sets.`)
  }
  return new Map(
    [...first].map(([name, { dims, data }]) => {
      const sums = new Float64Array(data.length)
      for (const set of sets) float32Of(set.get(name)!).forEach((value, i) => (sums[i]! += value))
      return [
        name,
        tensor(
          Float32Array.from(sums, (sum) => sum / sets.length),
          dims,
        ),
      ]
    }),
  )
}
