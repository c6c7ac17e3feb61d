import { readFileSync } from 'node:fs'

import { loadImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { checkDecoding, checkTransparency, type DecodingFixture, type TransparencyFixture } from './decoding'

const folder = new URL('../../fixtures/images/', import.meta.url)
const fixture = JSON.parse(readFileSync(new URL('decoding.json', folder), 'utf8')) as DecodingFixture

describe('decoding in Node', () => {
  it('holds at least 150 files', () => {
    expect(Object.keys(fixture.files).length).toBeGreaterThanOrEqual(150)
  })

  it('equals Pillow byte for byte, and refuses what Pillow refuses', async () => {
    const differences: Record<string, string> = {}
    for (const [name, expected] of Object.entries(fixture.files)) {
      const difference = await checkDecoding(readFileSync(new URL(`files/${name}`, folder)), expected)
      if (difference) differences[name] = difference
    }
    expect(Object.keys(differences)).toEqual(Object.keys(fixture.files).filter((name) => name.endsWith('.avif')))
  })

  // libheif rounds its colour conversion apart from libavif's, and repeats halved colours where that interpolates.
  it.each(Object.entries(fixture.files).filter(([, expected]) => 'rgb' in expected))(
    'decodes %s within its known difference from Pillow',
    async (name, expected) => {
      const { data } = await loadImage(readFileSync(new URL(`files/${name}`, folder)))
      const rgb = Buffer.from((expected as { rgb: string }).rgb, 'base64')
      expect(data.length).toBe(rgb.length)
      const largest = rgb.reduce((max, value, i) => Math.max(max, Math.abs(value - data[i]!)), 0)
      const hasAllColours = name.startsWith('444') || name === 'lossless.avif'
      expect(largest).toBeLessThanOrEqual(hasAllColours ? 1 : 11)
    },
  )

  it('puts transparent pictures on white or another colour as Pillow does', async () => {
    const transparency = JSON.parse(readFileSync(new URL('transparency.json', folder), 'utf8')) as TransparencyFixture
    expect(Object.keys(transparency.files).length).toBeGreaterThanOrEqual(25)
    const differences = await checkTransparency(transparency, (name) => readFileSync(new URL(`files/${name}`, folder)))
    expect(differences).toEqual(['alpha.avif'])
  })
})
