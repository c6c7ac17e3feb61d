// Pictures and texts to time: of no meaning, and the same each time.
import { tensor } from '@dual-encoder/core'

/** Pixels `[count, 3, 224, 224]`. */
export const pictures = (/** @type {number} */ count) => ({
  pixelValues: tensor(
    Float32Array.from({ length: count * 3 * 224 * 224 }, (_, i) => Math.sin(i * 12.9898)),
    [count, 3, 224, 224],
  ),
})

/** Token ids `[count, length]` of BERT's vocabulary. */
export const texts = (/** @type {number} */ count, /** @type {number} */ length) => ({
  inputIds: tensor(
    BigInt64Array.from({ length: count * length }, (_, i) => BigInt((i * 7919) % 30522)),
    [count, length],
  ),
})
