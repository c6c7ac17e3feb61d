import type { Canary } from '@dual-encoder/core'
import { checkFloor } from '@dual-encoder/core/backend'
import type { OnnxModel } from '../model'

/** Digits that are kept: cosines are told to five. */
const DIGITS = 7

/**
 * A picture and a text as this model embeds them in float32, for `savePretrained(target, { dtype: 'int8', canary })`:
 * who loads that checkpoint with `dtype: 'int8'` or `'int8-fast'` is warned where a cosine falls below `floor`.
 */
export async function quantizationCanary(model: OnnxModel, floor: number): Promise<Canary> {
  checkFloor(floor)
  const rounded = (values: Float32Array) => Array.from(values, (value) => Number(value.toPrecision(DIGITS)))
  const whole = model.inFloat32()
  try {
    const { vision, text } = await whole.embedSample()
    return { floor, vision: rounded(vision), text: rounded(text) }
  } finally {
    await whole.dispose()
  }
}
