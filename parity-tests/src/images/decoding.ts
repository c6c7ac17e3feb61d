import { DualEncoderError, loadImage } from '@dual-encoder/core'

import { sha256 } from './processors'

/** `rgb` are Pillow's bytes in base64, where decoders are known to round apart. */
export type Decoded = { width: number; height: number; sha256: string; rgb?: string } | { error: string }

export interface DecodingFixture {
  pillow: string
  files: Record<string, Decoded>
}

/** Decodes one file; undefined where it is Pillow's picture byte for byte (or both refuse it), else what differs. */
export async function checkDecoding(bytes: Uint8Array, expected: Decoded): Promise<string | undefined> {
  try {
    const { data, width, height } = await loadImage(bytes)
    if ('error' in expected) return `Pillow raises ${expected.error}, ours does not`
    if (width !== expected.width || height !== expected.height)
      return `${width}x${height} instead of ${expected.width}x${expected.height}`
    return (await sha256(data as Uint8Array<ArrayBuffer>)) === expected.sha256 ? undefined : 'other bytes'
  } catch (error) {
    if ('error' in expected && error instanceof DualEncoderError) return undefined
    return String(error)
  }
}
