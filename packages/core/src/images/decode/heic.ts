// Whoever type-checks these sources needs it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="../script.d.ts" />
import { ImageError } from '../../base/errors'
import { checkPixels } from '../limits'
import type { DecodeOptions, RawImage } from '../raw-image'
import { putOn, type Rgb } from '../transparency'

/** What is used of `libheif-js`, whose own types leave out its promise. */
interface LibHeif {
  readonly ready?: Promise<unknown>
  readonly heif_error_code: { readonly heif_error_Ok: unknown }
  readonly heif_colorspace: { readonly heif_colorspace_RGB: unknown }
  readonly heif_chroma: {
    readonly heif_chroma_interleaved_RGB: unknown
    readonly heif_chroma_interleaved_RGBA: unknown
  }
  heif_context_alloc(): object | null
  heif_context_free(context: object): void
  heif_context_read_from_memory(context: object, bytes: Uint8Array): Failure
  heif_js_context_get_primary_image_handle(context: object): object & Partial<Failure>
  heif_image_handle_get_width(handle: object): number
  heif_image_handle_get_height(handle: object): number
  heif_image_handle_release(handle: object): void
  heif_js_decode_image2(handle: object, space: unknown, chroma: unknown): Decoded | Promise<Decoded>
  heif_image_release(image: object): void
}

interface Failure {
  readonly code: unknown
  readonly message: string
}

interface Decoded extends Partial<Failure> {
  readonly image?: object
  readonly channels?: readonly Channel[]
}

/** Within `try`, bundlers take a package that is missing for one that may be. */
let importPackage = async (): Promise<{ default: unknown }> => {
  try {
    return await import('libheif-js/wasm-bundle.js')
  } catch (error) {
    throw new Error('libheif-js cannot be imported.', { cause: error })
  }
}

/** For those who cannot find libheif-js by its name. */
export function heifFrom(importer: typeof importPackage): void {
  importPackage = importer
}

let loading: Promise<LibHeif> | undefined

/** libheif-js is optional: asked for when the first HEIC image is decoded. */
function loadHeif(): Promise<LibHeif> {
  loading ??= importHeif().catch((cause: unknown) => {
    loading = undefined
    throw new ImageError(
      'heif-missing',
      'Decoding HEIC and HEIF images needs the package "libheif-js". Install it: npm install libheif-js.' +
        ' Or convert the picture to JPEG or PNG.',
      { cause },
    )
  })
  return loading
}

async function importHeif(): Promise<LibHeif> {
  const heif = (await importPackage()).default as LibHeif
  await heif.ready
  return heif
}

const damaged = (why: unknown) =>
  new ImageError('image-corrupt', `The HEIC image is damaged or incomplete: ${String(why).trim()}.`)

/** The primary picture of a HEIC or HEIF file, turned as its own properties ask. */
export async function decodeHeic(bytes: Uint8Array, { maxPixels, background }: DecodeOptions): Promise<RawImage> {
  const heif = await loadHeif()
  const context = heif.heif_context_alloc()
  if (!context) throw damaged('no memory')
  let handle: (object & Partial<Failure>) | undefined
  try {
    const read = heif.heif_context_read_from_memory(context, bytes)
    if (read.code !== heif.heif_error_code.heif_error_Ok) throw damaged(read.message)
    const primary = heif.heif_js_context_get_primary_image_handle(context)
    if (primary.code !== undefined) throw damaged(primary.message)
    handle = primary
    const [width, height] = [heif.heif_image_handle_get_width(handle), heif.heif_image_handle_get_height(handle)]
    checkPixels(width, height, maxPixels, 'The HEIC image')
    const { heif_colorspace: spaces, heif_chroma: kinds } = heif
    const kind = background ? kinds.heif_chroma_interleaved_RGBA : kinds.heif_chroma_interleaved_RGB
    const decoded = await heif.heif_js_decode_image2(handle, spaces.heif_colorspace_RGB, kind)
    const channel = decoded.channels?.[0]
    if (!decoded.image || !channel) throw damaged(decoded.message ?? 'it holds no picture')
    const data = background ? onColor(channel, background) : withoutGaps(channel, 3)
    heif.heif_image_release(decoded.image)
    return { data, width: channel.width, height: channel.height, channels: 3 }
  } catch (error) {
    throw error instanceof ImageError ? error : damaged(error)
  } finally {
    if (handle) heif.heif_image_handle_release(handle)
    heif.heif_context_free(context)
  }
}

interface Channel {
  readonly width: number
  readonly height: number
  readonly stride: number
  readonly data: Uint8Array
}

/** Rows end at a multiple of some bytes. */
function withoutGaps({ width, height, stride, data }: Channel, samples: number): Uint8Array {
  const line = width * samples
  const result = new Uint8Array(line * height)
  for (let y = 0; y < height; y++) result.set(data.subarray(y * stride, y * stride + line), y * line)
  return result
}

function onColor(channel: Channel, background: Rgb): Uint8Array {
  const rgba = withoutGaps(channel, 4)
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4)
    for (let color = 0; color < 3; color++) rgb[to++] = rgba[from + color]!
  putOn(background, rgb, rgba, 4)
  return rgb
}
