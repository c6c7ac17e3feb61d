import { DualEncoderError, loadImage, type RawImage, type Transparency } from '@dual-encoder/core'

import { sha256 } from './processors'

/** `rgb` are Pillow's bytes in base64, where decoders are known to round apart. */
export type Decoded = { width: number; height: number; sha256: string; rgb?: string } | { error: string }

export interface DecodingFixture {
  pillow: string
  files: Record<string, Decoded>
}

/** What Pillow makes of transparent files on white and on `color`. */
export interface TransparencyFixture {
  color: [number, number, number]
  files: Record<string, { white: string; color: string }>
}

/** The transparent files that are not Pillow's picture on white or on a colour, byte for byte. */
export async function checkTransparency(
  { color, files }: TransparencyFixture,
  read: (name: string) => Uint8Array | Promise<Uint8Array>,
): Promise<string[]> {
  const differences: string[] = []
  for (const [name, expected] of Object.entries(files)) {
    const bytes = await read(name)
    const hash = async (transparency: Transparency) =>
      sha256((await loadImage(bytes, { transparency })).data as Uint8Array<ArrayBuffer>)
    const found = { white: await hash('white'), color: await hash(color) }
    if (found.white !== expected.white || found.color !== expected.color) differences.push(name)
  }
  return differences
}

/** Decodes one file; undefined where it is Pillow's picture byte for byte (or both refuse it), else what differs. */
export async function checkDecoding(bytes: Uint8Array, expected: Decoded): Promise<string | undefined> {
  const before = new Uint8Array(bytes)
  try {
    const { data, width, height } = await loadImage(bytes)
    if (bytes.some((byte, i) => byte !== before[i])) return 'the bytes that were given are others now'
    if ('error' in expected) return `Pillow raises ${expected.error}, ours does not`
    if (width !== expected.width || height !== expected.height)
      return `${width}x${height} instead of ${expected.width}x${expected.height}`
    return (await sha256(data as Uint8Array<ArrayBuffer>)) === expected.sha256 ? undefined : 'other bytes'
  } catch (error) {
    if ('error' in expected && error instanceof DualEncoderError) return undefined
    return String(error)
  }
}

/** Of a picture from Pillow's bytes, in levels. */
export function largestDifference(image: RawImage, expected: Decoded): { largest: number; mean: number } {
  if (!('rgb' in expected) || expected.rgb === undefined) throw new Error('The fixture holds no pixels.')
  if (image.width !== expected.width || image.height !== expected.height)
    throw new Error(`${image.width}x${image.height} instead of ${expected.width}x${expected.height}`)
  const differences = Array.from(atob(expected.rgb), (char, i) => Math.abs(char.charCodeAt(0) - image.data[i]!))
  return {
    largest: Math.max(...differences),
    mean: differences.reduce((sum, each) => sum + each, 0) / differences.length,
  }
}
