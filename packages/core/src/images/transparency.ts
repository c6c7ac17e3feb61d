import { OptionError } from '../base/errors'
import { divide255 } from './decode/colors'

export type Rgb = readonly [red: number, green: number, blue: number]

/** What becomes of transparency: alpha is left out, or the picture put on white or another colour (bytes). */
export type Transparency = 'drop' | 'white' | Rgb

export const WHITE: Rgb = [255, 255, 255]

/** @returns undefined where alpha is left out */
export function backgroundOf(transparency: Transparency | undefined): Rgb | undefined {
  if (transparency === undefined || transparency === 'drop') return undefined
  if (transparency === 'white') return WHITE
  const isByte = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255
  if (Array.isArray(transparency) && transparency.length === 3 && transparency.every(isByte)) return transparency
  throw new OptionError(
    'image-transparency',
    `transparency: got ${JSON.stringify(transparency)}. Allowed: 'drop', 'white', or [red, green, blue] of 0 to 255.`,
  )
}

/** The last of the `channels` of samples as a plane; undefined where it is opaque throughout. */
export function alphaOf(samples: Uint8Array | Uint8ClampedArray, channels: number): Uint8Array | undefined {
  const alpha = new Uint8Array(samples.length / channels)
  for (let i = 0; i < alpha.length; i++) alpha[i] = samples[(i + 1) * channels - 1]!
  return alpha.every((value) => value === 255) ? undefined : alpha
}

/**
 * Puts a picture on a colour, in place, as Pillow's `alpha_composite` does.
 * @param rgb `[pixels, 3]`
 * @param samples `[pixels, channels]`, of which `alphaAt` (the last) is alpha
 */
export function putOn(
  [red, green, blue]: Rgb,
  rgb: Uint8Array,
  samples: Uint8Array | Uint8ClampedArray,
  channels: number,
  alphaAt = channels - 1,
): void {
  for (let i = 0, at = alphaAt; i < rgb.length; i += 3, at += channels) {
    const alpha = samples[at]!
    if (alpha === 255) continue
    const rest = 255 - alpha
    rgb[i] = divide255(rgb[i]! * alpha + red * rest)
    rgb[i + 1] = divide255(rgb[i + 1]! * alpha + green * rest)
    rgb[i + 2] = divide255(rgb[i + 2]! * alpha + blue * rest)
  }
}
