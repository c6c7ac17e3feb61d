import { mulDiv255 } from '../colors'
import { TAG, type Directory } from './directory'
import { damaged } from './errors'
import { COMPRESSION, PHOTOMETRIC, type Kind } from './kind'

/** `[pixels, samples]` bytes to `[pixels, 3]` RGB. */
export function toRgb(pixels: Uint8Array, kind: Kind, directory: Directory): Uint8Array {
  const { photometric, samples, bits, compression } = kind
  if (photometric === PHOTOMETRIC.palette) return byPalette(pixels, samples, paletteOf(directory, bits))
  if (photometric === PHOTOMETRIC.cmyk) return fromInks(pixels, samples)
  if (photometric === PHOTOMETRIC.rgb || (photometric === PHOTOMETRIC.ycc && samples === 3)) {
    const rgb = kind.multiplied ? divided(pixels, samples) : samples === 3 ? pixels : firstThree(pixels, samples)
    // libjpeg has made RGB of its own.
    if (photometric === PHOTOMETRIC.ycc && compression !== COMPRESSION.jpeg)
      (compression === COMPRESSION.none ? pillowYcc : libtiffYcc(directory))(rgb)
    return rgb
  }
  // Pillow leaves deep grey as it is, whichever end is white.
  const inverted = photometric === PHOTOMETRIC.whiteIsZero && bits <= 8
  const rgb = new Uint8Array((pixels.length / samples) * 3)
  for (let from = 0, to = 0; from < pixels.length; from += samples, to += 3)
    rgb.fill(inverted ? 255 - pixels[from]! : pixels[from]!, to, to + 3)
  return rgb
}

/** `[3, entries]`: reds, greens, blues. */
function paletteOf(directory: Directory, bits: number): number[] {
  const colors = directory.numbers(TAG.colorMap)
  if (!colors || colors.length < 3 * 2 ** bits) throw damaged('colours are missing from its palette')
  return colors.map((color) => color >> 8)
}

function byPalette(pixels: Uint8Array, samples: number, palette: readonly number[]): Uint8Array {
  const entries = Math.floor(palette.length / 3)
  const rgb = new Uint8Array((pixels.length / samples) * 3)
  for (let from = 0, to = 0; from < pixels.length; from += samples)
    for (let color = 0; color < 3; color++) rgb[to++] = palette[color * entries + pixels[from]!]!
  return rgb
}

function firstThree(pixels: Uint8Array, samples: number): Uint8Array {
  const rgb = new Uint8Array((pixels.length / samples) * 3)
  for (let from = 0, to = 0; from < pixels.length; from += samples)
    for (let color = 0; color < 3; color++) rgb[to++] = pixels[from + color]!
  return rgb
}

/** Colours that were multiplied by alpha, as Pillow divides them. */
function divided(pixels: Uint8Array, samples: number): Uint8Array {
  const rgb = new Uint8Array((pixels.length / samples) * 3)
  for (let from = 0, to = 0; from < pixels.length; from += samples) {
    const alpha = pixels[from + 3]!
    for (let color = 0; color < 3; color++)
      rgb[to++] = alpha === 0 ? 0 : Math.min(255, Math.floor((pixels[from + color]! * 255) / alpha))
  }
  return rgb
}

/** Pillow's `cmyk2rgb`. */
function fromInks(pixels: Uint8Array, samples: number): Uint8Array {
  const rgb = new Uint8Array((pixels.length / samples) * 3)
  for (let from = 0, to = 0; from < pixels.length; from += samples) {
    const light = 255 - pixels[from + 3]!
    for (let ink = 0; ink < 3; ink++) rgb[to++] = Math.max(0, light - mulDiv255(pixels[from + ink]!, light))
  }
  return rgb
}

/** Pillow's conversion, in 6-bit fixed point; in place. */
function pillowYcc(pixels: Uint8Array): void {
  const table = (factor: number) =>
    Int32Array.from({ length: 256 }, (_, code) => Math.trunc(factor * 64 * (code - 128) + 0.5))
  const redCr = table(1.402)
  const greenCb = table(-0.34414)
  const greenCr = table(-0.71414)
  const blueCb = table(1.772)
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length)
  for (let i = 0; i < pixels.length; i += 3) {
    const y = pixels[i]!
    const cb = pixels[i + 1]!
    const cr = pixels[i + 2]!
    clamped[i] = y + (redCr[cr]! >> 6)
    clamped[i + 1] = y + ((greenCb[cb]! + greenCr[cr]!) >> 6)
    clamped[i + 2] = y + (blueCb[cb]! >> 6)
  }
}

const fixed = (value: number): number => Math.trunc(value * 65536 + 0.5)

/** libtiff's conversion by the coefficients and ranges that a file names, in 16-bit fixed point; in place. */
function libtiffYcc(directory: Directory): (pixels: Uint8Array) => void {
  const [red, green, blue] = directory.numbers(TAG.yccCoefficients) ?? [0.299, 0.587, 0.114]
  const range = directory.numbers(TAG.referenceBlackWhite) ?? [0, 255, 128, 255, 128, 255]
  if (!red || !green || !blue || range.length < 6) throw damaged('impossible YCbCr coefficients')
  const scaled = (code: number, black: number, white: number, full: number) => {
    const value = ((code - Math.trunc(black)) * full) / (Math.trunc(white) - Math.trunc(black) || 1)
    return Math.trunc(Math.min(Math.max(value, -4096), 4096))
  }
  const within2 = (value: number) => Math.min(Math.max(value, 0), 2)
  const redFactor = 2 - 2 * red
  const blueFactor = 2 - 2 * blue
  const redCr = fixed(within2(redFactor))
  const greenCr = -fixed(within2((red * redFactor) / green))
  const blueCb = fixed(within2(blueFactor))
  const greenCb = -fixed(within2((blue * blueFactor) / green))
  const table = (black: number, white: number, full: number, offset: number) =>
    Int32Array.from({ length: 256 }, (_, code) => scaled(code - offset, black - offset, white - offset, full))
  const luma = table(range[0]!, range[1]!, 255, 0)
  const cbs = table(range[2]!, range[3]!, 127, 128)
  const crs = table(range[4]!, range[5]!, 127, 128)
  const half = 32768
  return (pixels) => {
    const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length)
    for (let i = 0; i < pixels.length; i += 3) {
      const y = luma[pixels[i]!]!
      const cb = cbs[pixels[i + 1]!]!
      const cr = crs[pixels[i + 2]!]!
      clamped[i] = y + ((redCr * cr + half) >> 16)
      clamped[i + 1] = y + ((greenCb * cb + half + greenCr * cr) >> 16)
      clamped[i + 2] = y + ((blueCb * cb + half) >> 16)
    }
  }
}
