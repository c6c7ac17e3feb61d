import { ImageError } from '../../base/errors'
import type { ImageFormat } from './header'

/**
 * Browsers show what there is of a truncated file; Pillow refuses it, and so do we.
 * Looks only for the end mark that each format has.
 */
export function checkComplete(bytes: Uint8Array, format: ImageFormat): void {
  const complete =
    format === 'jpeg' ? jpegEnds(bytes) : format === 'png' ? pngEnds(bytes) : format !== 'webp' || webpEnds(bytes)
  if (!complete)
    throw new ImageError(
      'image-corrupt',
      `The ${format.toUpperCase()} image is damaged or incomplete: its end is missing.`,
    )
}

/** An end-of-image marker after the first scan. */
function jpegEnds(bytes: Uint8Array): boolean {
  let at = 2
  let inScan = false
  while (at + 1 < bytes.length) {
    if (bytes[at] !== 0xff) {
      at++
      continue
    }
    const marker = bytes[at + 1]!
    if (marker === 0xd9) return inScan
    const hasLength = marker !== 0 && marker !== 0xff && marker !== 1 && !(marker >= 0xd0 && marker <= 0xd8)
    inScan ||= marker === 0xda
    at += hasLength && at + 3 < bytes.length ? 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!) : marker === 0xff ? 1 : 2
  }
  return false
}

function pngEnds(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    const isLast = view.getUint32(at + 4) === 0x49454e44
    if (isLast) return true
  }
  return false
}

const webpEnds = (bytes: Uint8Array): boolean =>
  8 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true) <= bytes.length
