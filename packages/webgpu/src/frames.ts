import type { ImageProcessor, Placement } from '@dual-encoder/core'
import { InputError, OptionError } from '@dual-encoder/core/backend'
import * as tf from '@tensorflow/tfjs-core'
import { FRAME, isFrameFilter } from './kernels/frame'

/** A picture that the browser has decoded, or is playing. */
export type Frame = ImageBitmap | VideoFrame | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | ImageData

export interface FrameOptions {
  /** Divide each row by its norm; false as in Python. */
  normalize?: boolean
  signal?: AbortSignal
}
export const FRAME_OPTIONS = ['normalize', 'signal'] as const satisfies readonly (keyof FrameOptions)[]

/** What TensorFlow.js takes to the GPU. */
type Uploadable = Parameters<typeof tf.browser.fromPixels>[0]

const isA = (name: 'VideoFrame' | 'OffscreenCanvas' | 'HTMLVideoElement', frame: Frame): boolean => {
  const type = (globalThis as Record<string, unknown>)[name] as (new () => object) | undefined
  return type !== undefined && frame instanceof type
}

interface Upload {
  readonly picture: Uploadable
  close(): void
}

/** All of them, to be closed by the caller; where one fails, none stays open. */
export async function uploadables(frames: readonly Frame[]): Promise<Upload[]> {
  const uploads = await Promise.allSettled(frames.map(uploadable))
  const failed = uploads.find((upload) => upload.status === 'rejected')
  const open = uploads.flatMap((upload) => (upload.status === 'fulfilled' ? [upload.value] : []))
  if (!failed) return open
  for (const { close } of open) close()
  throw failed.reason
}

/**
 * Frames of video become bitmaps, which last as long as a call takes. (TensorFlow.js would import a playing video as an
 * external texture: on Chromium's software adapter that ends the device.)
 */
async function uploadable(frame: Frame): Promise<Upload> {
  if (!isA('VideoFrame', frame) && !isA('OffscreenCanvas', frame) && !isA('HTMLVideoElement', frame))
    return { picture: frame as Uploadable, close: () => undefined }
  const bitmap = await createImageBitmap(frame)
  return { picture: bitmap, close: () => bitmap.close() }
}

/** How a processor would have a picture of this size, as the kernel can do it. */
function placementOf(processor: ImageProcessor, height: number, width: number): Placement {
  const placement = processor.placementOf({ height, width })
  const resized = placement.size.height !== height || placement.size.width !== width
  if (!resized) return { ...placement, resample: 'bilinear' }
  if (isFrameFilter(placement.resample)) return placement
  throw new OptionError(
    'frame-resample',
    `Frames are resized by bilinear or bicubic; this processor has "${placement.resample}". Give its images to the ` +
      'processor itself, or make one with another `resample`.',
  )
}

/** Pictures `[H, W, 3]` of int32 -> pixels `[B, 3, height, width]`. Within `tf.tidy`. */
export function preparedFrames(pictures: readonly tf.Tensor3D[], processor: ImageProcessor): tf.Tensor4D {
  const prepared = pictures.map((picture) => {
    const placement = placementOf(processor, picture.shape[0], picture.shape[1])
    return tf.engine().runKernel(FRAME, { picture }, { placement } as unknown as tf.NamedAttrMap) as tf.Tensor4D
  })
  const sizes = new Set(prepared.map(({ shape }) => shape.slice(2).join(' x ')))
  if (sizes.size > 1)
    throw new InputError(
      'frame-sizes',
      `The processor makes frames of several sizes: ${[...sizes].join(', ')}. Give frames of one shape, or crop.`,
    )
  return tf.concat(prepared, 0)
}
