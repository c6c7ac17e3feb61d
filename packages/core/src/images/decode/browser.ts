import { ImageError } from '../../base/errors'
import { checkPixels } from '../limits'
import type { DecodeOptions, RawImage } from '../raw-image'
import { checkComplete } from './complete'
import { readHeader } from './header'
import { paletteOfPng } from './palette'
import { decodeGrey16 } from './png-grey16'
import { orient } from './orient'
import { readBitmap } from './webgl'
import { turnOf } from './orientation'

// Pixels as the file holds them: neither colour-managed nor multiplied by alpha.
const AS_STORED: ImageBitmapOptions = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }

/** Decodes as Pillow does, with the browser's own decoders where they agree with it. They run off the main thread. */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions): Promise<RawImage> {
  const header = readHeader(bytes)
  const { format, width, height } = header
  if (width !== undefined && height !== undefined)
    checkPixels(width, height, options.maxPixels, `The ${format.toUpperCase()} image`)
  if (format === 'gif') return (await import('./gif')).decodeGif(bytes, options)
  if (format === 'bmp') return (await import('./bmp')).decodeBmp(bytes, options)
  if (format === 'tiff') return (await import('./tiff/decode')).decodeTiff(bytes, options)
  if (format === 'heic') return (await import('./heic')).decodeHeic(bytes, options)
  checkComplete(bytes, format)
  const { orientation, unturned } = await turnOf(bytes, format)
  if (format === 'png' && header.bitDepth === 16 && header.colorType === 0)
    return orient(await decodeGrey16(bytes, header), orientation)
  // Browsers turn CMYK into RGB each in its own way.
  if (header.components === 4) return orient((await import('./jpeg/decode')).decodeJpeg(bytes, options), orientation)
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(new Blob(unturned() as Uint8Array<ArrayBuffer>[]), AS_STORED)
  } catch (cause) {
    throw new ImageError(
      'image-corrupt',
      `The ${format.toUpperCase()} image is damaged, incomplete or of a kind that this browser does not decode.`,
      { cause },
    )
  }
  const image = orient(pixelsOf(bitmap, options), orientation)
  const palette = options.asStored ? paletteOfPng(bytes, header) : undefined
  return palette ? { ...image, palette, alpha: undefined } : image
}

function pixelsOf(bitmap: ImageBitmap, options: DecodeOptions): RawImage {
  try {
    checkPixels(bitmap.width, bitmap.height, options.maxPixels, 'The image')
    return readBitmap(bitmap, options)
  } finally {
    bitmap.close()
  }
}

/** An image element, canvas, `ImageBitmap`, `VideoFrame` or whatever else `createImageBitmap` takes. */
export async function readPixels(source: object, options: DecodeOptions): Promise<RawImage | undefined> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(source as ImageBitmapSource, AS_STORED)
  } catch (cause) {
    if (cause instanceof TypeError) return undefined
    throw new ImageError('image-element', `The picture of the element cannot be read: ${String(cause)}.`, { cause })
  }
  return pixelsOf(bitmap, options)
}
