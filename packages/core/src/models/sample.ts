import { tensor } from '../base/tensor'
import { pairOf } from '../towers/grid'
import type { Batch, EncoderSpec } from './encoder'
import { textBatch, visionBatch } from './inputs'

/** Inputs to try an encoder with: one picture of waves, or one text of eight tokens. */
export function sampleOf(encoder: EncoderSpec): Batch {
  if (encoder.kind === 'vision') {
    const { imageSize, numChannels } = encoder.config
    const [height, width] = pairOf(imageSize)
    const size = numChannels * height * width
    const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i / 7) + Math.sin(i / 501))
    return visionBatch(encoder, { pixelValues: tensor(data, [1, numChannels, height, width]) }, false)
  }
  const { config, tower } = encoder
  const length = Math.min(8, tower.maxLength(config))
  const ids = Array.from({ length }, (_, i) => BigInt(((config.padTokenId ?? 0) + 1 + 37 * i) % config.vocabSize))
  return textBatch(encoder, { inputIds: tensor(BigInt64Array.from(ids), [1, length]) })
}
