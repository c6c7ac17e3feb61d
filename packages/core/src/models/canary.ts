import { OptionError } from '../base/errors'
import { isJsonObject, type Json } from '../base/pretrained-config'

/**
 * What an int8 checkpoint says of itself: embeddings in float32 of a picture and a text that every config has
 * (`sampleOf`), and the least cosine that int8 may have to them.
 */
export interface Canary {
  readonly floor: number
  /** Normalised, `[projectionDim]`. */
  readonly vision: readonly number[]
  readonly text: readonly number[]
}

/** @throws OptionError for a floor that is no cosine */
export function checkFloor(floor: unknown): number {
  if (typeof floor === 'number' && floor > 0 && floor < 1) return floor
  throw new OptionError(
    'bad-option',
    `A canary's floor is ${String(floor)}. Give a cosine between 0 and 1, such as 0.999.`,
  )
}

const areNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'number')

/** The `canary` of a config; undefined where there is none, or another's. */
export function canaryOf(extra: Readonly<Record<string, Json>>): Canary | undefined {
  const { canary } = extra
  if (!isJsonObject(canary)) return undefined
  const { floor, vision, text } = canary
  return typeof floor === 'number' && areNumbers(vision) && areNumbers(text) ? { floor, vision, text } : undefined
}
