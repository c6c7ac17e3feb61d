import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { DualEncoderError } from '../base/errors'
import { loadImage, type ImageSource } from './load'

const FILES = new URL('../../../../parity-tests/fixtures/images/files/', import.meta.url)
const picture = new URL('c2d8.png', FILES)
const path = fileURLToPath(picture)
const bytesOf = async (name: string) => new Uint8Array(await readFile(new URL(name, FILES)))

/** A PNG header alone, of any size. */
function pngHeader(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(33)
  const view = new DataView(bytes.buffer)
  bytes.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52])
  view.setUint32(16, width)
  view.setUint32(20, height)
  bytes.set([8, 2, 0, 0, 0], 24)
  return bytes
}

let server: Server
let url: string
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/picture') void readFile(picture).then((bytes) => response.end(bytes))
    else if (request.url === '/page') response.setHeader('content-type', 'text/html').end('<html></html>')
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())

describe('loadImage', () => {
  it('leaves alpha out, or puts the picture on a colour', async () => {
    const source = { data: Uint8Array.of(200, 100, 0, 51), width: 1, height: 1, channels: 4 }
    expect([...(await loadImage(source)).data]).toEqual([200, 100, 0])
    expect([...(await loadImage(source, { transparency: 'white' })).data]).toEqual([244, 224, 204])
    expect([...(await loadImage(source, { transparency: [0, 0, 0] })).data]).toEqual([40, 20, 0])
  })

  it('takes every kind of source and gives the same picture', async () => {
    const bytes = await bytesOf('c2d8.png')
    const expected = await loadImage(bytes)
    expect([expected.width, expected.height, expected.channels]).toEqual([37, 29, 3])
    const { data, width, height } = expected
    const rgba = new Uint8ClampedArray(width * height * 4).map((_, i) =>
      i % 4 < 3 ? data[(i >> 2) * 3 + (i % 4)]! : 9,
    )
    const sources: ImageSource[] = [
      path,
      picture,
      picture.href,
      `${url}/picture`,
      new URL(`${url}/picture`),
      `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
      new Blob([bytes]),
      new File([bytes], 'picture.png'),
      Buffer.from(bytes),
      bytes.buffer,
      expected,
      { data: rgba, width, height, channels: 4 },
      { data: rgba, width, height, colorSpace: 'srgb' } as ImageData,
      sharp(path),
    ]
    for (const source of sources) {
      const image = await loadImage(source)
      expect([image.width, image.height]).toEqual([width, height])
      expect(Buffer.compare(Buffer.from(image.data), Buffer.from(data))).toBe(0)
    }
  })

  it('repeats grey and drops alpha', async () => {
    const grey = await loadImage({ data: Uint8Array.of(1, 2), width: 2, height: 1, channels: 1 })
    expect([...grey.data]).toEqual([1, 1, 1, 2, 2, 2])
    const greyAlpha = await loadImage({ data: Uint8Array.of(1, 0, 2, 0), width: 2, height: 1, channels: 2 })
    expect([...greyAlpha.data]).toEqual([1, 1, 1, 2, 2, 2])
  })

  it('applies the operations of a sharp instance, and leaves it usable', async () => {
    const instance = sharp(path).extract({ left: 3, top: 2, width: 5, height: 4 })
    expect(await loadImage(instance)).toMatchObject({ width: 5, height: 4 })
    expect(await loadImage(instance)).toMatchObject({ width: 5, height: 4 })
  })

  it.each<[what: string, source: () => unknown, code: string, message: RegExp, options?: object]>([
    ['a file that is not there', () => '/nowhere/cat.jpg', 'image-not-found', /\/nowhere\/cat\.jpg/],
    ['a URL that fails', () => `${url}/none`, 'image-fetch', /404/],
    ['a URL that answers a page', () => `${url}/page`, 'image-fetch', /web page/],
    ['a server that is not there', () => 'http://127.0.0.1:1/x', 'image-fetch', /could not be fetched/],
    ['a page', () => bytesOf('page.jpg'), 'image-unsupported-format', /web page/],
    ['text', () => bytesOf('text.png'), 'image-unsupported-format', /JPEG, PNG/],
    ['HEIC', () => bytesOf('fake.heic'), 'image-unsupported-format', /Convert/],
    ['nothing', () => new Uint8Array(0), 'image-empty', /empty/],
    ['a truncated JPEG', () => bytesOf('truncated.jpg'), 'image-corrupt', /JPEG/],
    ['a truncated PNG', () => bytesOf('truncated.png'), 'image-corrupt', /PNG/],
    ['a truncated GIF', () => bytesOf('truncated.gif'), 'image-corrupt', /GIF/],
    ['a truncated BMP', () => bytesOf('truncated.bmp'), 'image-corrupt', /BMP/],
    ['a decompression bomb', () => pngHeader(60000, 60000), 'image-too-large', /60000x60000.*maxPixels/],
    ['more pixels than allowed', () => path, 'image-too-large', /37x29.*1000/, { maxPixels: 1000 }],
    ['a TIFF of more pixels than allowed', () => bytesOf('raw.tif'), 'image-too-large', /1000/, { maxPixels: 1000 }],
    ['no pixels', () => pngHeader(0, 5), 'image-zero-size', /0x5/],
    [
      'five channels',
      () => ({ data: new Uint8Array(5), width: 1, height: 1, channels: 5 }),
      'image-channels',
      /1, 2, 3 or 4/,
    ],
    [
      'too few bytes',
      () => ({ data: new Uint8Array(5), width: 1, height: 2, channels: 3 }),
      'image-data-size',
      /hold 6/,
    ],
    [
      'raw pixels of no size',
      () => ({ data: new Uint8Array(0), width: 0, height: 2, channels: 3 }),
      'image-zero-size',
      /0x2/,
    ],
    [
      'fractional sizes',
      () => ({ data: new Uint8Array(6), width: 0.5, height: 4, channels: 3 }),
      'image-data-size',
      /whole/,
    ],
    ['a broken data: URL', () => 'data:image/png;base64,***', 'image-data-url', /base64/],
    ['a number', () => 5, 'image-source', /number 5/],
    ['null', () => null, 'image-source', /null/],
    ['an object', () => ({}), 'image-source', /Object/],
    ['an unknown option', () => path, 'unknown-option', /maxPixel/, { maxPixel: 5 }],
    ['a limit that is no number', () => path, 'image-limit', /maxPixels/, { maxPixels: -1 }],
  ])('refuses %s', async (_, source, code, message, options = {}) => {
    const error: unknown = await loadImage((await source()) as ImageSource, options).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DualEncoderError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it('stops when aborted', async () => {
    await expect(loadImage(path, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})
