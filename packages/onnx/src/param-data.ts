import { BackendError, bytesOf, type Param, type WeightEntry, type Weights } from '@dual-encoder/core/backend'
import type { TensorProto } from './graph/proto'
import type { ParamData } from './primitives'

/** The bytes of a weight, or of some of its rows, from where the whole of it lies. */
export function paramData(weights: Weights, dataOf: (entry: WeightEntry) => TensorProto['data']): ParamData {
  return ({ name, shape, rows }: Param) => {
    const entry = weights.get(name)
    if (!entry) throw new BackendError('no-weight', `There is no weight "${name}".`)
    const whole = dataOf(entry)
    if (!rows) return whole
    const rowBytes = bytesOf({ storage: entry.storage, shape: shape.slice(1) })
    const [start, end] = rows
    if (whole instanceof Uint8Array) return whole.subarray(start * rowBytes, end * rowBytes)
    return { ...whole, offset: whole.offset + start * rowBytes, length: (end - start) * rowBytes }
  }
}
