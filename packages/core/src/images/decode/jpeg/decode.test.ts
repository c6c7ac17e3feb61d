import { readFile, readdir } from 'node:fs/promises'

import { describe, expect, it } from 'vitest'

import { DualEncoderError } from '../../../base/errors'
import { decodeImage } from '../node'
import { orient } from '../orient'
import { turnOf } from '../orientation'
import { decodeJpeg } from './decode'

const FILES = new URL('../../../../../../parity-tests/fixtures/images/files/', import.meta.url)
const limits = { maxPixels: 1e8 }

describe('decodeJpeg', () => {
  it('equals libjpeg-turbo on every JPEG of the fixtures', async () => {
    const names = (await readdir(FILES)).filter((name) => name.endsWith('.jpg') && !/truncated|page|no-eoi/.test(name))
    expect(names.length).toBeGreaterThan(50)
    const different: string[] = []
    for (const name of names) {
      const bytes = new Uint8Array(await readFile(new URL(name, FILES)))
      const { orientation } = await turnOf(bytes, 'jpeg')
      const ours = orient(decodeJpeg(bytes, limits), orientation)
      const theirs = await decodeImage(bytes, limits)
      const same = ours.width === theirs.width && Buffer.compare(Buffer.from(ours.data), Buffer.from(theirs.data)) === 0
      if (!same) different.push(name)
    }
    expect(different).toEqual([])
  })

  it('gives a picture or a typed error for 500 damaged files', async () => {
    const names = (await readdir(FILES)).filter((name) => name.endsWith('.jpg'))
    const files = await Promise.all(names.map(async (name) => new Uint8Array(await readFile(new URL(name, FILES)))))
    let state = 7
    const random = (limit: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * limit)
    }
    let refused = 0
    for (let i = 0; i < 500; i++) {
      const bytes = files[i % files.length]!.slice()
      for (let change = 0; change < 4; change++) bytes[random(bytes.length)] = random(256)
      const start = performance.now()
      try {
        decodeJpeg(bytes, { maxPixels: 1e6 })
      } catch (error) {
        expect(error).toBeInstanceOf(DualEncoderError)
        refused++
      }
      expect(performance.now() - start).toBeLessThan(5000)
    }
    expect(refused).toBeGreaterThan(50)
    expect(refused).toBeLessThan(450)
  })

  it.each(['truncated.jpg', 'truncated-header.jpg', 'no-eoi.jpg'])('refuses %s', async (name) => {
    const bytes = new Uint8Array(await readFile(new URL(name, FILES)))
    expect(() => decodeJpeg(bytes, limits)).toThrow(DualEncoderError)
  })
})
