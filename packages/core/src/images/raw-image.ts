import type { Rgb } from './transparency'

/** Decoded picture: RGB, row-major, interleaved. */
export interface RawImage {
  readonly data: Uint8ClampedArray | Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 3
  /** `[pixels]`, of pictures that are not opaque, where `asStored` asks for it. */
  readonly alpha?: Uint8Array | undefined
  /** `[256, 3]`, of pictures that Pillow keeps as indices, likewise: it resizes them by the nearest pixel. */
  readonly palette?: Uint8Array | undefined
}

export interface ImageLimits {
  /** Pictures with more pixels are refused before they are decoded. */
  readonly maxPixels: number
}

export interface DecodeOptions extends ImageLimits {
  /** What transparent pictures are put on; undefined: alpha is left out. */
  readonly background?: Rgb | undefined
  /** Alpha and palettes are told apart from colours, for who resizes before he converts to RGB, as open_clip does. */
  readonly asStored?: boolean
}
