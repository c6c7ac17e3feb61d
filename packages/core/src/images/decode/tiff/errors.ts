import { ImageError } from '../../../base/errors'

export const damaged = (why: string, cause?: unknown) =>
  new ImageError('image-corrupt', `The TIFF image is damaged or incomplete: ${why}.`, { cause })

export const unsupported = (what: string) =>
  new ImageError('image-unsupported-format', `TIFF images with ${what} are not supported. Save the picture as PNG.`)
