import { TAG, type Directory } from './directory'
import { unsupported } from './errors'

export const PHOTOMETRIC = {
  whiteIsZero: 0,
  blackIsZero: 1,
  rgb: 2,
  palette: 3,
  cmyk: 5,
  ycc: 6,
} as const

export const COMPRESSION = {
  none: 1,
  fax: 2,
  fax3: 3,
  fax4: 4,
  lzw: 5,
  oldJpeg: 6,
  jpeg: 7,
  deflate: 8,
  oldDeflate: 32946,
  packBits: 32773,
} as const

const UNSIGNED = 1
const SIGNED = 2
export const FLOAT = 3

/** How pixels are stored. */
export interface Kind {
  readonly photometric: number
  readonly compression: number
  readonly bits: number
  /** Samples of a pixel, all of `bits`. */
  readonly samples: number
  readonly sampleFormat: number
  /** Colours were multiplied by the fourth sample. */
  readonly multiplied: boolean
  /** Which sample is alpha. */
  readonly alphaAt: number | undefined
  /** Each sample has planes of its own. */
  readonly planar: boolean
  /** The lowest bit of a byte comes first. */
  readonly reversed: boolean
}

const NAMES: Readonly<Record<number, string>> = {
  0: 'grey (white is zero)',
  1: 'grey',
  2: 'RGB',
  3: 'palette',
  4: 'mask',
  5: 'CMYK',
  6: 'YCbCr',
  8: 'LAB',
  9: 'ICC LAB',
  10: 'ITU LAB',
  32803: 'colour filter array',
  32844: 'LogL',
  32845: 'LogLuv',
  34892: 'linear raw',
}

const COMPRESSIONS: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  32809: 'ThunderScan',
  34661: 'JBIG',
  34676: 'SGI Log',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  48130: 'JPEG XR',
  50000: 'ZSTD',
  50001: 'WebP',
  50002: 'JPEG XL',
  52546: 'JPEG XL',
}

/** @throws ImageError for a kind that Pillow does not read, or reads in wrong colours, or that has no decoder here */
export function kindOf(directory: Directory): Kind {
  const compression = directory.number(TAG.compression, COMPRESSION.none)
  if (!Object.values<number>(COMPRESSION).includes(compression) || compression === COMPRESSION.oldJpeg)
    throw unsupported(`${COMPRESSIONS[compression] ?? `unknown (${compression})`} compression`)
  const photometric = directory.number(TAG.photometric, PHOTOMETRIC.whiteIsZero)
  const planar = directory.number(TAG.planarConfiguration, 1) === 2
  let extra = directory.numbers(TAG.extraSamples) ?? []
  let bits = directory.numbers(TAG.bitsPerSample) ?? [1]
  let samples = directory.number(TAG.samplesPerPixel, 1)
  if (planar && extra.length > 0 && Math.max(...extra) === 0) {
    bits = bits.slice(0, -extra.length)
    samples -= extra.length
    extra = []
  }
  if (samples < bits.length) bits = bits.slice(0, samples)
  const formats = directory.numbers(TAG.sampleFormat) ?? [UNSIGNED]
  const kind: Kind = {
    photometric,
    compression,
    bits: bits[0] ?? 1,
    samples,
    sampleFormat: formats[0] ?? UNSIGNED,
    // libtiff takes a fourth plane that is not named for such an alpha.
    multiplied:
      photometric === PHOTOMETRIC.rgb &&
      (extra[0] === 1 || (planar && compression !== COMPRESSION.none && samples === 4 && extra.length === 0)),
    alphaAt: alphaOf(photometric, samples, extra[0]),
    planar: planar && samples > 1,
    reversed: directory.number(TAG.fillOrder, 1) === 2,
  }
  const uniform =
    (bits.length === samples || bits.length === 1) && new Set(bits).size === 1 && new Set(formats).size === 1
  const known = isKnown(kind, extra, directory.littleEndian) && (!planar || arePlanesKnown(kind, extra, directory))
  if (!uniform || !known) throw unsupported(describe(kind, bits, formats) + (planar ? ' in planes' : ''))
  return kind
}

/** Pillow takes RGB of four samples for RGBA, unless the fourth is said to be unused. */
function alphaOf(photometric: number, samples: number, extra: number | undefined): number | undefined {
  if (photometric === PHOTOMETRIC.rgb) return samples > 3 && extra !== 0 ? 3 : undefined
  const pair = photometric === PHOTOMETRIC.blackIsZero || photometric === PHOTOMETRIC.palette
  return pair && samples === 2 && extra === 2 ? 1 : undefined
}

/**
 * Pillow reads raw planes by the letters of its raw mode, one each: as bytes, neither inverted nor reversed.
 * Of tiles with a fourth plane that is not named it takes the wrong lines.
 */
function arePlanesKnown(kind: Kind, extra: readonly number[], directory: Directory): boolean {
  const { compression, photometric, bits, samples, reversed, multiplied } = kind
  if (compression !== COMPRESSION.none) return true
  if (photometric === PHOTOMETRIC.whiteIsZero || reversed || multiplied) return false
  if (samples === 4 && kind.alphaAt && extra.length === 0 && directory.number(TAG.tileWidth, 0) > 0) return false
  if (bits === 8) return true
  const isGrey = samples === 1 && photometric === PHOTOMETRIC.blackIsZero
  return isGrey && (bits === 1 || (bits === 32 && directory.littleEndian))
}

function describe({ photometric, samples, reversed }: Kind, bits: number[], formats: number[]): string {
  const format = [...new Set(formats)].map((format) => ['', 'unsigned', 'signed', 'float'][format] ?? 'unknown')
  const name = NAMES[photometric] ?? `unknown (${photometric})`
  return (
    `${name} colours of ${samples} sample${samples === 1 ? '' : 's'} of ${[...new Set(bits)].join(', ')} bits` +
    ` (${format.join(', ')}${reversed ? ', reversed bits' : ''})`
  )
}

/** Pillow's table `OPEN_INFO`, less what it cannot turn into RGB or turns into wrong colours. */
function isKnown(kind: Kind, extra: readonly number[], little: boolean): boolean {
  const { photometric, bits, samples, sampleFormat, reversed, planar, compression } = kind
  const raw = compression === COMPRESSION.none
  const first = extra[0]
  const restUnused = extra.slice(1).every((value) => value === 0)
  if (compression === COMPRESSION.jpeg && (bits !== 8 || samples > 4)) return false
  if ([COMPRESSION.fax, COMPRESSION.fax3, COMPRESSION.fax4].some((fax) => fax === compression))
    return bits === 1 && samples === 1 && photometric <= 1
  if (photometric === PHOTOMETRIC.whiteIsZero || photometric === PHOTOMETRIC.blackIsZero) {
    if (samples === 2)
      return photometric === 1 && bits === 8 && sampleFormat === UNSIGNED && !reversed && (first === 0 || first === 2)
    // Pillow swaps the bytes of these once too often.
    const swapped = !raw && !little && (bits === 32 || (bits === 16 && sampleFormat === SIGNED))
    return samples === 1 && extra.length === 0 && !swapped && isKnownGrey(kind, little)
  }
  if (sampleFormat !== UNSIGNED) return false
  if (photometric === PHOTOMETRIC.rgb) {
    if (samples === 3 && extra.length === 0) return bits === 8 || (bits === 16 && !reversed)
    if (samples === 4 && (first === undefined || first === 999))
      return !reversed && (bits === 8 || (bits === 16 && first === undefined))
    const isAlpha = first === 0 || first === 1 || first === 2
    return (
      isAlpha &&
      restUnused &&
      !reversed &&
      extra.length === samples - 3 &&
      samples <= (bits === 8 ? 6 : bits === 16 ? 4 : 0)
    )
  }
  if (photometric === PHOTOMETRIC.palette) {
    if (samples === 2) return bits === 8 && !reversed && (first === 0 || first === 2)
    return samples === 1 && extra.length === 0 && [1, 2, 4, 8].includes(bits)
  }
  if (reversed) return false
  if (photometric === PHOTOMETRIC.cmyk)
    return (
      extra.length === samples - 4 &&
      (first ?? 0) === 0 &&
      restUnused &&
      (bits === 8 ? samples <= 6 : bits === 16 && samples === 4)
    )
  if (photometric === PHOTOMETRIC.ycc) {
    if (bits !== 8 || extra.length > 0) return false
    return samples === 3 ? !planar || compression !== COMPRESSION.jpeg : samples === 1 && raw
  }
  return false
}

function isKnownGrey({ photometric, bits, sampleFormat, reversed }: Kind, little: boolean): boolean {
  const black = photometric === PHOTOMETRIC.blackIsZero
  if (sampleFormat === UNSIGNED) {
    if ([1, 2, 4, 8].includes(bits)) return true
    if (bits === 16) return little ? !reversed || black : black && !reversed
    return little && black && !reversed && (bits === 12 || bits === 32)
  }
  if (reversed) return false
  if (sampleFormat === SIGNED) return black && [8, 16, 32].includes(bits)
  return sampleFormat === FLOAT && bits === 32
}
