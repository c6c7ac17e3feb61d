import { describe, expect, it } from 'vitest'

import { exifOrientation } from './exif'

const SIX = [6, 0, 0, 0]
/** An entry of a little-endian directory: tag, type, count, value. */
const entry = (tag: number, type: number, count: number, value: readonly number[]) => [
  ...[tag & 255, tag >> 8, type, 0, count, 0, 0, 0],
  ...value,
]
const exif = (...entries: number[][]) =>
  Uint8Array.from([...[0x49, 0x49, 42, 0, 8, 0, 0, 0, entries.length, 0], ...entries.flat(), 0, 0, 0, 0])
const text = (value: string) => Array.from(value, (char) => char.charCodeAt(0))
const turned = (...at: Parameters<typeof entry>) => exif(entry(...at))

describe('the orientation of EXIF, as Pillow 13 reads it', () => {
  it.each([
    ['a short', turned(0x112, 3, 1, SIX), 6],
    ['a long', turned(0x112, 4, 1, SIX), 6],
    ['a signed byte', turned(0x112, 6, 1, SIX), 6],
    ['the first of two shorts', turned(0x112, 3, 2, SIX), 6],
    ['the first of two entries', exif(entry(0x112, 3, 1, SIX), entry(0x112, 3, 1, [3, 0, 0, 0])), 6],
    [
      'what has "Exif" before it, twice',
      Uint8Array.from([...text('Exif\0\0Exif\0\0'), ...turned(0x112, 3, 1, SIX)]),
      6,
    ],
    ['two longs elsewhere', Uint8Array.from([...turned(0x112, 4, 2, [26, 0, 0, 0]), 6, 0, 0, 0, 1, 0, 0, 0]), 6],
    ['a byte, which Pillow takes for no number', turned(0x112, 1, 1, SIX), 1],
    ['a text', turned(0x112, 2, 2, [0x36, 0, 0, 0]), 1],
    ['nine', turned(0x112, 3, 1, [9, 0, 0, 0]), 1],
    ['no TIFF', Uint8Array.from(text('nothing of the kind')), 1],
    ['no value', turned(0x112, 3, 0, SIX), undefined],
    ['an unknown type', turned(0x112, 99, 1, SIX), undefined],
    ['another tag', turned(0x113, 3, 1, SIX), undefined],
    ['an entry that is cut off', turned(0x112, 3, 1, SIX).subarray(0, 21), undefined],
    [
      'an entry behind one that reaches beyond the end',
      exif(entry(0x10f, 2, 9, [40, 0, 0, 0]), entry(0x112, 3, 1, SIX)),
      undefined,
    ],
    [
      'an entry behind one that is larger than the file',
      exif(entry(0x10f, 2, 99, [9, 0, 0, 0]), entry(0x112, 3, 1, SIX)),
      6,
    ],
    ['nothing', new Uint8Array(0), undefined],
  ])('%s', (_, block, orientation) => {
    expect(exifOrientation(block)).toBe(orientation)
  })
})
