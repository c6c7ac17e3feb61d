import { readFileSync } from 'node:fs'

import { loadImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { checkDecoding, largestDifference, type DecodingFixture } from './decoding'

const folder = new URL('../../fixtures/image-formats/', import.meta.url)
const fixture = JSON.parse(readFileSync(new URL('formats.json', folder), 'utf8')) as DecodingFixture
const entries = Object.entries(fixture.files)
const isAvif = (name: string) => name.endsWith('.avif')
const fileOf = (name: string) => readFileSync(new URL(`files/${name}`, folder))

describe('orientation and animations in Node', () => {
  it('are those of Pillow, byte for byte', async () => {
    const differences: Record<string, string> = {}
    for (const [name, expected] of entries.filter(([name]) => !isAvif(name))) {
      const difference = await checkDecoding(fileOf(name), expected)
      if (difference) differences[name] = difference
    }
    expect(differences).toEqual({})
    expect(entries.length).toBeGreaterThan(80)
  })

  // libheif rounds its colour conversion apart from libavif's.
  it.each(entries.filter(([name]) => isAvif(name)))(
    'are those of Pillow within a level: %s',
    async (name, expected) => {
      const { largest } = largestDifference(await loadImage(fileOf(name)), expected)
      expect(largest).toBeLessThanOrEqual(1)
    },
  )

  it.each(['xmp-attr.jpg', 'rawprofile-exif.png'])('turn the reported file %s upright', async (name) => {
    const image = await loadImage(readFileSync(new URL(`reports/${name}`, folder)))
    expect(image).toMatchObject({ width: 48, height: 64 })
  })

  it('take the first frame of the reported animation', async () => {
    const { data, width, height } = await loadImage(readFileSync(new URL('reports/avif-anim.avif', folder)))
    expect([width, height]).toEqual([64, 48])
    const at = (20 * width + 30) * 3
    expect([...data.subarray(at, at + 3)]).toEqual([121, 108, 115])
  })
})
