import { readFileSync } from 'node:fs'

import { loadImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { checkDecoding, largestDifference, type Decoded, type DecodingFixture } from './decoding'

const folder = new URL('../../fixtures/image-formats/', import.meta.url)
const fixture = JSON.parse(readFileSync(new URL('heic.json', folder), 'utf8')) as DecodingFixture
const entries = Object.entries(fixture.files)
const fileOf = (name: string) => readFileSync(new URL(`heic/${name}`, folder))
/** libheif leaves HEVC's filters out where it is WebAssembly, which only lossy files have. */
const isLossy = ([name, expected]: [string, Decoded]) => !name.startsWith('lossless') && 'rgb' in expected

describe('HEIC', () => {
  it.each(entries.filter((entry) => !isLossy(entry)))(
    'equals pillow-heif byte for byte: %s',
    async (name, expected) => {
      expect(await checkDecoding(fileOf(name), expected)).toBeUndefined()
    },
  )

  it.each(entries.filter(isLossy))(
    'equals pillow-heif but for the filters between blocks: %s',
    async (name, expected) => {
      const image = await loadImage(fileOf(name))
      const { largest, mean } = largestDifference(image, expected)
      expect(largest).toBeLessThanOrEqual(17)
      expect(mean).toBeLessThanOrEqual(1)
    },
  )
})
