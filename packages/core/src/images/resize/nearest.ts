import type { Rounding } from './coefficients'

/**
 * The input index that each output takes.
 * Pillow's NEAREST accumulates its step in float64; torchvision's NEAREST_EXACT computes each in float32.
 */
export function nearestIndices(inSize: number, outSize: number, rounding: Rounding): Int32Array {
  const indices = new Int32Array(outSize)
  if (rounding === 'pil') {
    const step = inSize / outSize
    let at = step * 0.5
    for (let i = 0; i < outSize; i++, at += step) indices[i] = Math.min(Math.trunc(at), inSize - 1)
    return indices
  }
  const scale = Math.fround(inSize / outSize)
  for (let i = 0; i < outSize; i++) {
    indices[i] = Math.min(Math.floor(Math.fround(Math.fround(i + 0.5) * scale)), inSize - 1)
  }
  return indices
}
