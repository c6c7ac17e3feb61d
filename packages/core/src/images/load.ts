import { decoder } from '#decoder'
import { platform } from '#platform'

import { checkOptions, ImageError, InputError, SourceError } from '../base/errors'
import { bytesOfBase64 } from '../platform/base64'
import { breathe } from '../platform/breathe'
import { formatOf } from './decode/header'
import { fetchPicture, type FetchOptions } from './fetch'
import type { DecodeOptions, RawImage } from './raw-image'
import { checkPixels, pixelLimit } from './limits'
import { alphaOf, backgroundOf, putOn, type Transparency } from './transparency'
import { shortened } from './shortened'

/** Pixels as a caller may hold them: row-major, interleaved; 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels. */
export interface RawPixels {
  readonly data: Uint8Array | Uint8ClampedArray
  readonly width: number
  readonly height: number
  readonly channels: number
}

/** Anything `sharp(...)` returned; typed by shape, because sharp is optional. */
export interface SharpLike {
  clone(): SharpLike
  metadata(): Promise<unknown>
}

/** `ImageData`, and in browsers an image element, a canvas or an `ImageBitmap`; by shape, because Node has no such types. */
export interface PictureLike {
  readonly width: number
  readonly height: number
}

/** A path, URL (`file:`, `http(s):`, `data:`, `blob:`) or base64, an encoded file (`Blob`, `File`, bytes), or pixels. */
export type ImageSource = string | URL | Blob | Uint8Array | ArrayBuffer | RawPixels | SharpLike | PictureLike

export interface LoadImageOptions extends Pick<FetchOptions, 'fetch' | 'maxBytes' | 'retries' | 'timeout'> {
  /** Refuse pictures with more pixels, before they are decoded. Default: Pillow's limit, 178,956,970. */
  maxPixels?: number
  /** Default of `loadImage`: `'drop'`. A processor's: see `ImageProcessorOptions`. */
  transparency?: Transparency
  /** For URLs. */
  headers?: Record<string, string>
  signal?: AbortSignal
}

export const LOAD_OPTIONS: readonly (keyof LoadImageOptions)[] = [
  'maxPixels',
  'transparency',
  'maxBytes',
  'fetch',
  'headers',
  'signal',
  'retries',
  'timeout',
]

/**
 * One picture as RGB bytes, equal to Pillow's `Image.open(...).convert('RGB')` after EXIF rotation
 * (transformers' `load_image`): colour profiles are ignored, and so is alpha unless `transparency` says otherwise.
 * @throws SourceError where the file or URL cannot be read
 * @throws ImageError where the picture is damaged, too large or of an unsupported kind
 */
export async function loadImage(source: ImageSource, options: LoadImageOptions = {}): Promise<RawImage> {
  checkOptions(options, LOAD_OPTIONS, 'loadImage')
  const background = backgroundOf(options.transparency)
  const found = await readSource(source, options, { background })
  if (!(found instanceof Uint8Array)) return found
  await breathe()
  return decoder.decodeImage(found, { maxPixels: pixelLimit(options.maxPixels), background })
}

/**
 * The bytes of a file that is yet to be decoded, or pixels.
 * @param how what becomes of transparent pixels
 */
export async function readSource(
  source: ImageSource,
  options: LoadImageOptions,
  how: Pick<DecodeOptions, 'background' | 'asStored'>,
): Promise<Uint8Array | RawImage> {
  options.signal?.throwIfAborted()
  const limits = { maxPixels: pixelLimit(options.maxPixels), ...how }
  if (isRawPixels(source)) return fromPixels(source, limits)
  const bytes = await bytesOf(source, options)
  if (bytes) {
    if (bytes.length > 0) return bytes
    throw new ImageError('image-empty', 'The image file is empty.')
  }
  const image = typeof source === 'object' && source !== null ? await decoder.readPixels(source, limits) : undefined
  if (image) return image
  throw new InputError(
    'image-source',
    `${describe(source)} is no image. Give a path or URL, a Blob or File, the bytes of an image file, ImageData,` +
      ' { data, width, height, channels }, a sharp instance, or in browsers an image element, canvas or ImageBitmap.',
  )
}

function describe(source: unknown): string {
  if (typeof source !== 'object' || source === null) return `${typeof source} ${shortened(String(source))}`
  return `An object of type ${source.constructor?.name ?? 'Object'}`
}

async function bytesOf(source: ImageSource, options: LoadImageOptions): Promise<Uint8Array | undefined> {
  if (source instanceof Uint8Array) return source
  if (source instanceof ArrayBuffer) return new Uint8Array(source)
  if (typeof Blob !== 'undefined' && source instanceof Blob) return new Uint8Array(await source.arrayBuffer())
  if (typeof source === 'string' || source instanceof URL) return readLocation(String(source), options)
  return undefined
}

async function readLocation(location: string, options: LoadImageOptions): Promise<Uint8Array> {
  if (/^data:/i.test(location)) return readDataUrl(location)
  const decoded = readBase64(location)
  if (decoded) return decoded
  if (/^https?:/i.test(location) || /^blob:/i.test(location)) return fetchPicture(location, options)
  if (platform.name === 'browser') return fetchPicture(absolute(location), options)
  const path = /^file:/i.test(location) ? pathOf(new URL(location)) : location
  const bytes = await platform.readFile(path)
  if (bytes) return bytes
  const isName = path.length < 200
  throw new SourceError(
    'image-not-found',
    `There is no file "${shortened(path)}"${isName ? '' : ', nor is it a picture in base64'}.`,
  )
}

/** A URL relative to the page or worker. */
function absolute(location: string): string {
  try {
    return new URL(location, globalThis.location?.href).href
  } catch (cause) {
    throw new SourceError(
      'image-not-found',
      `"${shortened(location)}" is no URL, and there is no page that it could be relative to.`,
      {
        cause,
      },
    )
  }
}

/** A picture in base64 without `data:` before it, as transformers' `load_image` takes it; undefined for other strings. */
function readBase64(text: string): Uint8Array | undefined {
  // Shorter ones are names.
  if (text.length < 40) return undefined
  try {
    const start = bytesOfBase64(text.slice(0, 64).replace(/\s/g, '').slice(0, 16))
    return formatOf(start) && bytesOfBase64(text)
  } catch {
    return undefined
  }
}

/** `file:///C:/a%20b` -> `C:/a b` */
const pathOf = (url: URL): string => decodeURIComponent(url.pathname).replace(/^\/([A-Za-z]:)/, '$1')

/** Not through `fetch`, which a content security policy may forbid for `data:`. */
function readDataUrl(url: string): Uint8Array {
  const comma = url.indexOf(',')
  const body = url.slice(comma + 1)
  try {
    if (comma < 0) throw new Error('no comma')
    const text = decodeURIComponent(body)
    if (/;base64$/i.test(url.slice(0, comma))) return bytesOfBase64(text)
    return Uint8Array.from(text, (char) => char.charCodeAt(0))
  } catch (cause) {
    throw new SourceError('image-data-url', 'A data: URL that cannot be read: it needs `data:image/...;base64,...`.', {
      cause,
    })
  }
}

function isRawPixels(source: unknown): source is Omit<RawPixels, 'channels'> & Partial<RawPixels> {
  if (typeof source !== 'object' || source === null) return false
  const { data, width, height } = source as Partial<RawPixels>
  const bytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray
  return bytes && typeof width === 'number' && typeof height === 'number'
}

/** Grey is repeated, as Pillow's `convert('RGB')` does. `ImageData` does not name its four channels. */
function fromPixels(
  source: Omit<RawPixels, 'channels'> & Partial<RawPixels>,
  { maxPixels, background, asStored }: DecodeOptions,
): RawImage {
  const { data, width, height, channels = 4 } = source
  if (![1, 2, 3, 4].includes(channels))
    throw new InputError('image-channels', `An image of ${channels} channels: give 1, 2, 3 or 4, interleaved.`)
  checkPixels(width, height, maxPixels, 'The image')
  if (!Number.isInteger(width) || !Number.isInteger(height))
    throw new InputError('image-data-size', `An image of ${width}x${height} pixels: give whole numbers.`)
  if (data.length !== width * height * channels)
    throw new InputError(
      'image-data-size',
      `${data.length} bytes given for ${width}x${height}x${channels}, which hold ${width * height * channels}.`,
    )
  if (channels === 3) return { data, width, height, channels }
  const rgb = new Uint8Array(width * height * 3)
  const [green, blue] = channels === 4 ? [1, 2] : [0, 0]
  for (let from = 0, to = 0; to < rgb.length; from += channels) {
    rgb[to++] = data[from]!
    rgb[to++] = data[from + green]!
    rgb[to++] = data[from + blue]!
  }
  if (background && channels !== 1) putOn(background, rgb, data, channels)
  const alpha = asStored && channels !== 1 ? alphaOf(data, channels) : undefined
  return { data: rgb, width, height, channels: 3, alpha }
}
