import {
  createImageProcessor,
  DualEncoderError,
  type ImageBackend,
  type ImageProcessorOptions,
} from '@dual-encoder/core'

import { bmpFile, draw, type Kind } from './draw'

type Expected = { dims: number[]; sha256: string } | { error: string }

export interface ProcessorCase extends Record<ImageBackend, Expected> {
  config: Record<string, unknown>
  image: [kind: Kind, height: number, width: number, seed: number]
}

/** A case in which Pillow 12 gives something else than the newest. */
export type OlderCase = Pick<ProcessorCase, 'config' | 'image' | 'pil'>

export interface ProcessorFixture {
  versions: Record<string, string>
  cases: ProcessorCase[]
}

/** The first 24 hexadecimal digits of the bytes' SHA-256, as the fixtures keep them. */
export async function sha256(data: ArrayBufferView<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, 24)
}

/**
 * Runs one case; undefined where the result is Python's to the bit, else what differs.
 * @param asFile the picture as a file, for workers, instead of pixels
 */
export async function checkProcessor(
  item: OlderCase & Partial<ProcessorCase>,
  backend: ImageBackend,
  asFile = false,
  options: ImageProcessorOptions = {},
): Promise<string | undefined> {
  const expected = item[backend]!
  const name = `${backend} ${JSON.stringify(item.config)} on ${item.image.join(' ')}`
  try {
    const processor = createImageProcessor(item.config, { backend, ...options })
    const drawing = draw(...item.image)
    const { pixelValues } = await processor(asFile ? bmpFile(drawing) : drawing)
    if ('error' in expected) return `${name}: Python raises ${expected.error}, ours does not`
    if (pixelValues.dims.join() !== expected.dims.join())
      return `${name}: dims ${pixelValues.dims.join()} instead of ${expected.dims.join()}`
    const hash = await sha256(pixelValues.data as Float32Array<ArrayBuffer>)
    return hash === expected.sha256 ? undefined : `${name}: other values`
  } catch (error) {
    if ('error' in expected && error instanceof DualEncoderError) return undefined
    return `${name}: ${String(error)}`
  }
}
