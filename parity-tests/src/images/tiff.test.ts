import { readFileSync } from 'node:fs'

import { loadImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { checkDecoding, checkTransparency, type DecodingFixture, type TransparencyFixture } from './decoding'
import { DAMAGED, DIFFERENT, READ, UNSUPPORTED } from './tiff'

const folder = new URL('../../fixtures/image-formats/', import.meta.url)
const fixture = JSON.parse(readFileSync(new URL('tiff.json', folder), 'utf8')) as DecodingFixture
const fileOf = (name: string) => readFileSync(new URL(`tiff/${name}.tif`, folder))

describe('TIFF', () => {
  it('equals Pillow byte for byte, and refuses what Pillow refuses', async () => {
    const differences: Record<string, string> = {}
    const names = Object.keys(fixture.files).map((name) => name.replace('.tif', ''))
    expect(names.length).toBeGreaterThan(290)
    for (const name of names) {
      if (DIFFERENT.includes(name)) continue
      const difference = await checkDecoding(fileOf(name), fixture.files[`${name}.tif`]!)
      if (difference) differences[name] = difference
    }
    expect(differences).toEqual({})
  })

  it('puts transparent pictures on white or another colour as Pillow does', async () => {
    const transparency = JSON.parse(
      readFileSync(new URL('tiff-transparency.json', folder), 'utf8'),
    ) as TransparencyFixture
    const names = Object.keys(transparency.files).map((name) => name.replace('.tif', ''))
    const files = Object.fromEntries(
      names.filter((name) => !DIFFERENT.includes(name)).map((name) => [name, transparency.files[`${name}.tif`]!]),
    )
    expect(Object.keys(files).length).toBeGreaterThanOrEqual(27)
    expect(await checkTransparency({ ...transparency, files }, fileOf)).toEqual([])
  })

  it.each(Object.entries(UNSUPPORTED))('names the kind of %s', async (name, message) => {
    await expect(loadImage(fileOf(name))).rejects.toMatchObject({
      code: 'image-unsupported-format',
      message: expect.stringMatching(message) as string,
    })
  })

  it.each(DAMAGED)('makes no picture of %s', async (name) => {
    await expect(loadImage(fileOf(name))).rejects.toMatchObject({ code: 'image-corrupt' })
  })

  it.each(Object.entries(READ))('reads %s, which Pillow does not', async (name, same) => {
    expect(fixture.files[`${name}.tif`]).toHaveProperty('error')
    expect(await checkDecoding(fileOf(name), fixture.files[`${same}.tif`]!)).toBeUndefined()
  })

  it.each([
    ['ycbcr-raw', [119, 108, 113]],
    ['cmyk16', [64, 70, 66]],
    ['miniswhite16', [142, 142, 142]],
    ['bigtiff', [121, 108, 115]],
  ])('gives the reported file %s the colours that Pillow gives', async (name, color) => {
    const { data, width } = await loadImage(readFileSync(new URL(`reports/${name}.tif`, folder)))
    const at = (20 * width + 30) * 3
    expect([...data.subarray(at, at + 3)]).toEqual(color)
  })

  it.each([
    ['zstd', 'image-unsupported-format'],
    ['00-flip-noise', 'image-corrupt'],
  ])('makes no picture of the reported file %s', async (name, code) => {
    await expect(loadImage(readFileSync(new URL(`reports/${name}.tif`, folder)))).rejects.toMatchObject({ code })
  })
})
