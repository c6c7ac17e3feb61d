import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
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

const video = Buffer.from('....ftypisom....isommp42')
video.writeUInt32BE(video.length)

let server: Server
let url: string
let busy = 0

/** Chunks until the client leaves, without a length. */
async function endless(response: ServerResponse): Promise<void> {
  while (!response.destroyed) {
    sent += 65536
    if (response.write(Buffer.alloc(65536, 9))) continue
    // `once` leaves its listener where the other event comes first.
    const waits = new AbortController()
    await Promise.race(['drain', 'close'].map((event) => once(response, event, waits))).catch(() => undefined)
    waits.abort()
  }
}
let sent = 0

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/picture') void readFile(picture).then((bytes) => response.end(bytes))
    else if (request.url === '/page') response.setHeader('content-type', 'text/html').end('<html></html>')
    else if (request.url === '/endless') void endless(response)
    else if (request.url === '/large') response.setHeader('content-length', 1e9).write('a')
    else if (request.url === '/busy' && busy-- > 0) response.writeHead(503, { 'retry-after': '0' }).end()
    else if (request.url === '/busy') void readFile(picture).then((bytes) => response.end(bytes))
    else response.writeHead(404).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

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
      Buffer.from(bytes).toString('base64'),
      Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n'),
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
    ['a damaged HEIC', () => bytesOf('fake.heic'), 'image-corrupt', /HEIC/],
    ['ICO', () => Uint8Array.of(0, 0, 1, 0, 1, 0, 16, 16, 0, 0), 'image-unsupported-format', /Supported: JPEG/],
    ['JPEG 2000', () => Buffer.from('\0\0\0\x0cjP  \r\n\x87\n', 'latin1'), 'image-unsupported-format', /Supported/],
    ['PPM', () => Buffer.from('P6\n1 1\n255\nabc'), 'image-unsupported-format', /Supported/],
    [
      'TGA',
      () => Uint8Array.of(0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0),
      'image-unsupported-format',
      /Supported/,
    ],
    ['a video', () => video, 'image-unsupported-format', /video/],
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
    [
      '15,000 characters',
      () => 'Ab0/'.repeat(3750),
      'image-not-found',
      /^.{0,250}\(15000 characters\).{0,60}base64\.$/,
    ],
    ['base64 that breaks off', () => `iVBORw0KGgo${'Ab0/'.repeat(3750)}*`, 'image-not-found', /^.{0,300}$/],
    ['a long name', () => `/nowhere/${'x'.repeat(300)}`, 'image-not-found', /^.{0,300}$/],
    ['a number', () => 5, 'image-source', /number 5/],
    ['null', () => null, 'image-source', /null/],
    ['an object', () => ({}), 'image-source', /Object/],
    ['an unknown option', () => path, 'unknown-option', /maxPixel/, { maxPixel: 5 }],
    ['a limit of no bytes', () => `${url}/picture`, 'image-limit', /maxBytes/, { maxBytes: 0 }],
    ['what is no URL', () => 'http://', 'image-fetch', /no URL/],
    ['a limit that is no number', () => path, 'image-limit', /maxPixels/, { maxPixels: -1 }],
  ])('refuses %s', async (_, source, code, message, options = {}) => {
    const error: unknown = await loadImage((await source()) as ImageSource, options).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DualEncoderError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it('fetches no more of a URL than maxBytes, whether or not its server tells the size', async () => {
    for (const path of ['large', 'endless'])
      await expect(loadImage(`${url}/${path}`, { maxBytes: 2e5 })).rejects.toMatchObject({
        name: 'ImageError',
        code: 'image-too-large',
        message: expect.stringMatching(/bytes, above the limit of 200000\. Raise maxBytes/) as string,
      })
    // What lies in buffers between server and client comes on top.
    expect(sent).toBeLessThan(2e7)
    await expect(loadImage(`${url}/large`)).rejects.toMatchObject({ code: 'image-too-large' })
    const size = (await readFile(picture)).length
    await expect(loadImage(`${url}/picture`, { maxBytes: size - 1 })).rejects.toMatchObject({ code: 'image-too-large' })
    expect(await loadImage(`${url}/picture`, { maxBytes: size })).toMatchObject({ width: 37, height: 29 })
  })

  it('asks a busy server again', async () => {
    busy = 2
    expect(await loadImage(`${url}/busy`)).toMatchObject({ width: 37, height: 29 })
    busy = 1
    await expect(loadImage(`${url}/busy`, { retries: 0 })).rejects.toMatchObject({
      code: 'image-fetch',
      message: expect.stringMatching(/503/) as string,
    })
  })

  it('stops when aborted', async () => {
    await expect(loadImage(path, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})
