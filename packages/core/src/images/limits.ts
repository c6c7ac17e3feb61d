import { ImageError } from '../errors'

/** Where Pillow refuses a picture as a decompression bomb. */
export const DEFAULT_MAX_PIXELS = 178_956_970

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
