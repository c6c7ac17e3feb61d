import { ImageError, OptionError } from '../base/errors'

/** Where Pillow refuses a picture as a decompression bomb. */
const DEFAULT_MAX_PIXELS = 178_956_970

/** @throws ImageError for a picture without pixels or with more than `maxPixels` */
export function checkPixels(width: number, height: number, maxPixels: number, what: string): void {
  if (!(width > 0 && height > 0))
    throw new ImageError('image-zero-size', `${what} has no pixels: it is ${width}x${height}.`)
  if (width * height > maxPixels)
    throw new ImageError(
      'image-too-large',
      `${what} has ${width}x${height} pixels, above the limit of ${maxPixels}. Raise maxPixels if you trust it.`,
    )
}

/** Longest side of a resized picture, whatever part of it is kept: its weights are computed for all of it. */
const MAX_SIDE = 2 ** 20

/** @throws ImageError for a size that no picture is resized to */
export function checkSides(width: number, height: number): void {
  if (Math.max(width, height) <= MAX_SIDE) return
  throw new ImageError(
    'image-too-large',
    `The resized image would be ${width}x${height}; a side may have ${MAX_SIDE} pixels.`,
  )
}

/** `maxPixels` of a call, or the default. */
export function pixelLimit(maxPixels: number | undefined): number {
  if (maxPixels === undefined) return DEFAULT_MAX_PIXELS
  if (maxPixels > 0) return maxPixels
  throw new OptionError('image-limit', `maxPixels: got ${String(maxPixels)}. Give a number of pixels above 0.`)
}
