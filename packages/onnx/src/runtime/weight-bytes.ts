import type { Tensor } from '@dual-encoder/core'
import { float32Of, storedOf, type WeightEntry } from '@dual-encoder/core/backend'

/** Little-endian bytes of a weight's values: bytes as they are, all else as float32. */
export function weightBytes(value: Tensor): Uint8Array {
  const isBytes = value.dtype === 'int8' || value.dtype === 'uint8'
  const { buffer, byteOffset, byteLength } = isBytes ? (value.data as Uint8Array) : float32Of(value)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The same, to be kept: what is made of weights is good until the next is made. */
export const keptBytes = (entry: WeightEntry, value: Tensor): Uint8Array =>
  entry.made ? weightBytes(value).slice() : weightBytes(value)

/** True where the stored bytes are the ones that a graph needs. */
export const isRaw = ({ storage, location, made, quantized }: WeightEntry): boolean =>
  ['F32', 'I8', 'U8'].includes(storage) && location !== undefined && !made && !quantized

/** True where it is made of what lies in files of this machine alone. */
export const isMadeHere = (entry: WeightEntry): boolean =>
  entry.made !== undefined && storedOf(entry).every(({ location }) => location?.local)

/** Where a weight lies in a file. */
export interface Range {
  readonly offset: number
  readonly length: number
}
