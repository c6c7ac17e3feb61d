export { loadImage } from './load'
export type { ImageSource, LoadImageOptions, PictureLike, RawPixels, SharpLike } from './load'
export type { RawImage } from './raw-image'
export type { Rgb, Transparency } from './transparency'
export type { PillowVersion } from './resize/resize'
export { createImageProcessor, ImageProcessor } from './processors/processor'
export type {
  ImageBackend,
  ImageBatch,
  ImageCallOptions,
  ImageFailure,
  ImageProcessorOptions,
} from './processors/processor'
export type { Placement } from './processors/placement'
export type { ImageOverrides } from './processors/settings'
export type { Normalization } from './processors/normalize'
export type { HeightWidth, SizeLike } from './processors/size'
export type { ImageWindow } from './resize/resize'
export type { ResampleName } from './resize/filters'
