import { tensor } from '@dual-encoder/core'
import { encode, type EncoderSpec, type TextBatch, type VisionBatch } from '@dual-encoder/core/backend'
import { encoderInputs } from '@dual-encoder/tfjs/engine-api'
import type * as tf from '@tensorflow/tfjs-core'
import type { WebGpuOps } from './ops'

/** Cosines under this are another model. */
export const CANARY_COSINE = 0.999

const int64 = (values: number[], dims: number[]) => tensor(BigInt64Array.from(values, BigInt), dims)

/** One picture of waves, or one text of eight tokens. */
export function sampleOf({ kind, tower, config }: EncoderSpec): VisionBatch | TextBatch {
  if (kind === 'vision') {
    const { imageSize, numChannels } = config
    const [height, width] = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize
    const data = Float32Array.from(
      { length: numChannels * height * width },
      (_, i) => Math.sin(i / 7) + Math.sin(i / 501),
    )
    return { pixelValues: tensor(data, [1, numChannels, height, width]) }
  }
  const length = Math.min(8, tower.maxLength(config))
  const ids = Array.from({ length }, (_, i) => (config.padTokenId + 1 + 37 * i) % config.vocabSize)
  const inputIds = int64(ids, [1, length])
  const all = (value: number) => int64(new Array<number>(length).fill(value), [1, length])
  return { inputIds, tokenTypeIds: all(0), positionIds: tower.positionIds(config, inputIds), attentionMask: all(1) }
}

/** Its pooled vector. */
export const pooledSample = (ops: WebGpuOps, encoder: EncoderSpec): tf.Tensor =>
  encode(ops, encoder, encoderInputs(sampleOf(encoder)), { poolerOutput: true }).poolerOutput

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
