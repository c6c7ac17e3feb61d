import type { Tensor } from '../base/tensor'
import { drawing } from '../ops/draw'
import type { Param } from '../ops/ops'
import { breathing } from '../platform/breathe'
import type { WeightEntry } from '../weights/entry'

/** A new weight, drawn when it is read. */
export function newWeight(param: Param, seed: number): WeightEntry {
  return { name: param.name, shape: param.shape, storage: 'F32', read: () => breathing(drawing(param, seed)) }
}

/** A weight that is already in memory. */
export function memoryWeight(name: string, value: Tensor): WeightEntry {
  return { name, shape: value.dims, storage: 'F32', read: () => Promise.resolve(value) }
}
