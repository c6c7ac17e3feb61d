import { type Tensor } from '@dual-encoder/core'
import { float32Of, type WeightEntry } from '@dual-encoder/core/backend'

/** Little-endian float32 bytes of a weight's values. */
export function float32Bytes(value: Tensor): Uint8Array {
  const floats = float32Of(value)
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

/** True where the stored bytes are the ones that a graph needs. */
export const isRawFloat32 = (entry: WeightEntry): boolean => entry.storage === 'F32' && entry.location !== undefined
