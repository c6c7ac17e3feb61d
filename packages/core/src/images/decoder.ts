import type { ThreadScript } from '../platform/platform'
import type { DecodeOptions, RawImage } from './raw-image'

/** How pictures are decoded, in Node and in browsers. Chosen by package conditions: `#decoder`. */
export interface Decoder {
  /** Decodes an encoded image as Pillow's `Image.open(...).convert('RGB')` after EXIF rotation. */
  decodeImage(bytes: Uint8Array, options: DecodeOptions): Promise<RawImage>
  /** The pixels of an object that only this platform knows (sharp instance; image element, canvas, ImageBitmap). */
  readPixels(source: object, options: DecodeOptions): Promise<RawImage | undefined>
  /** Whether a file can only be decoded by the thread that calls. */
  staysHere(bytes: Uint8Array): boolean
  /** What a thread runs that prepares pictures. */
  workerScript(): Promise<ThreadScript>
}
