import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { checkDecoding, type DecodingFixture } from './decoding'

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
})
