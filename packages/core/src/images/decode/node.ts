import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Sharp, SharpOptions } from 'sharp'

import { ImageError } from '../../base/errors'
import { turn as nextTurn } from '../../platform/node-threads'
import { checkPixels } from '../limits'
import type { DecodeOptions, ImageLimits, RawImage } from '../raw-image'
import { alphaOf, putOn, type Rgb } from '../transparency'
import { mulDiv255 } from './colors'
import { readHeader, type ImageHeader } from './header'
import { paletteOfPng } from './palette'
import type { Orientation } from './orient'
import { turnOf } from './orientation'

type SharpModule = (input: Uint8Array, options: SharpOptions) => Sharp

let loading: Promise<SharpModule> | undefined

/**
 * sharp is optional: asked for when the first image is decoded.
 * @param url where it is, for those who cannot find it by its name
 */
export function loadSharp(url?: string): Promise<SharpModule> {
  loading ??= (url === undefined ? inParts() : import(/* @vite-ignore */ url)).then(
    async (module: { default: unknown }) => {
      await nextTurn()
      return module.default as SharpModule
    },
    (cause: unknown) => {
      loading = undefined
      throw new ImageError(
        'sharp-missing',
        'Decoding images in Node needs the package "sharp". Install it: npm install sharp.',
        { cause },
      )
    },
  )
  return loading
}

/** Finds packages as this one does. */
export const requireHere = () => createRequire(import.meta.url ?? join(process.cwd(), '_'))

/** At once it would keep the thread for 50 ms and more, half of them for what it depends on. */
async function inParts(): Promise<{ default: unknown }> {
  for (const name of ['semver', 'detect-libc', '@img/colour']) {
    try {
      createRequire(requireHere().resolve('sharp'))(name)
    } catch {
      // It then comes with the rest: a version that does without, or a bundle.
    }
    await nextTurn()
  }
  return import('sharp')
}

/** Decodes as Pillow does. libvips works on its own threads, so several images decode at a time. */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions): Promise<RawImage> {
  const header = readHeader(bytes)
  const { format, width, height } = header
  if (width !== undefined && height !== undefined)
    checkPixels(width, height, options.maxPixels, `The ${format.toUpperCase()} image`)
  if (format === 'gif') return (await import('./gif')).decodeGif(bytes, options)
  if (format === 'bmp') return (await import('./bmp')).decodeBmp(bytes, options)
  if (format === 'tiff') return (await import('./tiff/decode')).decodeTiff(bytes, options)
  if (format === 'heic') return (await import('./heic')).decodeHeic(bytes, options)
  const sharp = await loadSharp()
  try {
    return await withSharp(sharp, bytes, header, options)
  } catch (cause) {
    throw decodingError(cause, format, options)
  }
}

async function withSharp(
  sharp: SharpModule,
  bytes: Uint8Array,
  header: ImageHeader,
  { maxPixels, ...how }: DecodeOptions,
): Promise<RawImage> {
  const picture = sharp(header.format === 'avif' ? asStill(bytes) : bytes, {
    ignoreIcc: true,
    failOn: 'truncated',
    limitInputPixels: maxPixels,
    sequentialRead: true,
  })
  const turned = turn(picture, (await turnOf(bytes, header.format)).orientation)
  const { cmyk, grey16 } = kindOf(header)
  if (cmyk) return fromCmyk(turned)
  if (grey16) return fromGrey16(turned)
  const image = await rgb(turned, how)
  const palette = how.asStored ? paletteOfPng(bytes, header) : undefined
  return palette ? { ...image, palette, alpha: undefined } : image
}

/** libvips refuses the brand of animations, whose first frame is a picture like others. */
function asStill(bytes: Uint8Array): Uint8Array {
  if (String.fromCharCode(...bytes.subarray(8, 12)) !== 'avis') return bytes
  const copy = new Uint8Array(bytes)
  copy[11] = 0x66
  return copy
}

/** As Pillow's `exif_transpose`. sharp mirrors before it turns. */
function turn(picture: Sharp, orientation: Orientation): Sharp {
  const angle = [0, 0, 180, 0, 270, 90, 90, 270][orientation - 1]!
  const turned = angle > 0 ? picture.rotate(angle) : picture
  if (orientation === 4) return turned.flip()
  return [2, 5, 7].includes(orientation) ? turned.flop() : turned
}

interface Kind {
  readonly cmyk: boolean
  readonly grey16: boolean
}

const kindOf = ({ components, bitDepth, colorType }: ImageHeader): Kind => ({
  cmyk: components === 4,
  grey16: bitDepth === 16 && colorType === 0,
})

type How = Pick<DecodeOptions, 'background' | 'asStored'>

async function rgb(picture: Sharp, { background, asStored }: How): Promise<RawImage> {
  const colors = picture.toColourspace('srgb')
  const { data, info } = await (background || asStored ? colors.ensureAlpha() : colors.removeAlpha())
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height } = info
  if (info.channels === 3) return { data, width, height, channels: 3 }
  return { data: onto(background, data), width, height, channels: 3, alpha: asStored ? alphaOf(data, 4) : undefined }
}

/** `[pixels, 4]` RGBA on a colour, or without alpha: `[pixels, 3]`. */
function onto(background: Rgb | undefined, rgba: Uint8Array): Uint8Array {
  const target = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; to < target.length; from += 4)
    for (let color = 0; color < 3; color++) target[to++] = rgba[from + color]!
  if (background) putOn(background, target, rgba, 4)
  return target
}

/** Pillow's `cmyk2rgb`; Adobe's files store the inks inverted, which libvips has undone. */
async function fromCmyk(picture: Sharp): Promise<RawImage> {
  const { data, info } = await picture
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const target = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < target.length; from += 4) {
    const light = 255 - data[from + 3]!
    for (let ink = 0; ink < 3; ink++) target[to++] = Math.max(0, light - mulDiv255(data[from + ink]!, light))
  }
  return { data: target, width, height, channels: 3 }
}

/** Pillow's conversion of 16-bit grey to RGB clips instead of scaling. */
async function fromGrey16(picture: Sharp): Promise<RawImage> {
  const { data, info } = await picture
    .toColourspace('grey16')
    .removeAlpha()
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true })
  const grey = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
  const { width, height } = info
  const target = new Uint8Array(width * height * 3)
  grey.forEach((value, i) => target.fill(Math.min(value, 255), i * 3, i * 3 + 3))
  return { data: target, width, height, channels: 3 }
}

function decodingError(cause: unknown, format: string, limits: ImageLimits): ImageError {
  if (cause instanceof ImageError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (/exceeds pixel limit/i.test(reason))
    return new ImageError(
      'image-too-large',
      `The ${format.toUpperCase()} image has more than ${limits.maxPixels} pixels. Raise maxPixels if you trust it.`,
      { cause },
    )
  return new ImageError(
    'image-corrupt',
    `The ${format.toUpperCase()} image is damaged or incomplete: ${reason.trim()}.`,
    { cause },
  )
}

/** A sharp instance, with its own operations applied. */
export async function readPixels(source: object, options: DecodeOptions): Promise<RawImage | undefined> {
  if (!isSharp(source)) return undefined
  try {
    const { width, height } = await source.metadata()
    checkPixels(width, height, options.maxPixels, 'The image')
    return await rgb(source.clone(), options)
  } catch (cause) {
    throw decodingError(cause, 'sharp', options)
  }
}

const isSharp = (source: object): source is Sharp =>
  ['clone', 'metadata', 'removeAlpha', 'toBuffer'].every(
    (method) => typeof (source as Record<string, unknown>)[method] === 'function',
  )
