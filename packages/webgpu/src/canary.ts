import { encode, type EncoderSpec, sampleOf } from '@dual-encoder/core/backend'
import { onDevice } from '@dual-encoder/tfjs/engine-api'
import type * as tf from '@tensorflow/tfjs-core'
import type { WebGpuOps } from './ops'

/** Cosines under this are another model. */
export const CANARY_COSINE = 0.999

/** The pooled vector of a sample. */
export const pooledSample = (ops: WebGpuOps, encoder: EncoderSpec): tf.Tensor =>
  encode(ops, encoder, onDevice(sampleOf(encoder)), { poolerOutput: true }).poolerOutput

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, squaresA, squaresB] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number]
    dot += x * y
    squaresA += x * x
    squaresB += y * y
  }
  return dot / Math.sqrt(squaresA * squaresB)
}
