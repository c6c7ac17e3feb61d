import type { Rgb } from './transparency'

/** Decoded picture: RGB, row-major, interleaved. */
export interface RawImage {
  readonly data: Uint8ClampedArray | Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3
}

export interface ImageLimits {
  /** Pictures with more pixels are refused before they are decoded. */
  readonly maxPixels: number
}

export interface DecodeOptions extends ImageLimits {
  /** What transparent pictures are put on; undefined: alpha is left out. */
  readonly background?: Rgb | undefined
}
