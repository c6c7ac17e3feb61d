import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { tensor } from '../../base/tensor'
import { openWeights } from '../../weights/open'
import { readEntries, readInGroups } from '../../weights/read-entries'
import { readSafetensors } from '../../weights/safetensors/read'
import { safetensorsChunks, type WritableTensor, writeSafetensors } from '../../weights/safetensors/write'
import { openSource, readJson } from '../source'
import type { Progress } from '../types'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

/** A server; `asked` lists path, query and range of each request. */
async function serve(answer: Answer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers.range].filter(Boolean).join(' '))
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** Serves these files, with or without ranges, as a static file server does. */
const files =
  (given: Readonly<Record<string, Uint8Array>>, { ranges = true } = {}): Answer =>
  (request, response) => {
    const file = given[decodeURIComponent((request.url as string).slice(1).split('?')[0] as string)]
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec((ranges && request.headers.range) || '') ?? []
    if (!file) response.writeHead(404).end('no')
    else if (from === undefined) response.writeHead(200, { 'content-length': file.length }).end(file)
    else if (Number(from) >= file.length) response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
    else {
      const end = Math.min(Number(to) + 1, file.length)
      const headers = {
        'content-range': `bytes ${from}-${end - 1}/${file.length}`,
        'content-length': end - Number(from),
      }
      response.writeHead(206, headers).end(file.subarray(Number(from), end))
    }
  }

const ramp = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)
const big = (value: number) => tensor(new Float32Array(40_000).fill(value), [40_000])
/** In the file's order: text, then vision. */
const model = writeSafetensors(
  { 'text.a': big(1), 'text.b': big(2), 'vision.a': big(3), 'vision.b': big(4) },
  { format: 'pt' },
)

describe('a server with ranges', () => {
  it('is asked for the ranges alone', async () => {
    const { url, asked } = await serve(files({ 'model/a.bin': ramp }))
    const source = await openSource(`${url}/model`)
    expect(await source.read('a.bin', [10, 20])).toEqual(ramp.slice(10, 20))
    expect(await source.read('a.bin', [990, 1010])).toEqual(ramp.slice(990))
    expect(await source.read('a.bin', [2000, 2010])).toEqual(new Uint8Array())
    expect(await source.size?.('a.bin')).toBe(1000)
    expect(await source.read('absent', [0, 1])).toBeUndefined()
    expect(asked).toEqual([
      '/model/a.bin bytes=10-19',
      '/model/a.bin bytes=990-1009',
      '/model/a.bin bytes=2000-2009',
      '/model/absent bytes=0-0',
    ])
  })

  it('gives one tower in one request, and no byte of the other', async () => {
    const { url, asked } = await serve(files({ 'model.safetensors': model }))
    const { weights } = await openWeights(await openSource(url))
    const headers = asked.length
    const read = await readEntries([...weights.values()].filter(({ name }) => name.startsWith('vision.')))
    expect([...read.keys()]).toEqual(['vision.a', 'vision.b'])
    expect(new Float32Array((read.get('vision.b') as Uint8Array).slice().buffer)[0]).toBe(4)
    expect(asked.slice(headers)).toEqual([`/model.safetensors bytes=${model.length - 320_000}-${model.length - 1}`])
    expect(headers).toBe(2)
  })

  it('gives the values of one tower in one request, of half precision too', async () => {
    const tensors = ['text.a', 'text.b', 'vision.a'].map((name, i): WritableTensor => {
      const value = tensor(new Float32Array(40_000).fill(i + 1), [40_000])
      return { name, shape: value.dims, storage: 'F16', read: () => value }
    })
    const chunks: Uint8Array[] = []
    for await (const chunk of safetensorsChunks(tensors, { format: 'pt' })) chunks.push(chunk)
    const { url, asked } = await serve(files({ 'model.safetensors': new Uint8Array(Buffer.concat(chunks)) }))
    const { weights } = await openWeights(await openSource(url))
    asked.length = 0
    const read: [string, unknown][] = []
    const made = { ...weights.get('text.b')!, name: 'made', location: undefined, read: async () => tensor([7], [1]) }
    for await (const group of readInGroups([weights.get('text.a')!, made, weights.get('text.b')!]))
      for (const [{ name }, { data }] of group) read.push([name, data.at(-1)])
    expect(read).toEqual([
      ['text.a', 1],
      ['made', 7],
      ['text.b', 2],
    ])
    expect(asked).toHaveLength(1)
  })

  it('gives a whole safetensors file in three requests', async () => {
    const { url, asked } = await serve(files({ 'model.safetensors': model }))
    expect((await readSafetensors(`${url}/model.safetensors?download=true`)).get('text.b')).toEqual(big(2))
    expect(asked).toHaveLength(3)
    expect(asked.every((request) => request.startsWith('/model.safetensors?download=true bytes='))).toBe(true)
  })

  it('that sends another range than was asked for is refused', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(206, { 'content-range': 'bytes 0-9/1000' }).end(ramp.subarray(0, 10)),
    )
    await expect((await openSource(url)).read('a.bin', [10, 20])).rejects.toMatchObject({ code: 'wrong-range' })
  })

  it('that sends too little is refused', async () => {
    const { url } = await serve(files({ 'model.safetensors': model.subarray(0, -4) }))
    await expect(openWeights(await openSource(url))).rejects.toMatchObject({ code: 'truncated' })
  })
})

describe('a server that ignores ranges', () => {
  it('sends a file once, for all reads that follow; reads at the same time do not disturb each other', async () => {
    const { url, asked } = await serve(files({ 'model.safetensors': model, 'a.bin': ramp }, { ranges: false }))
    const { weights } = await openWeights(await openSource(url))
    const tensors = await Promise.all([...weights.values()].map((entry) => entry.read()))
    expect(tensors.map(({ data }) => data[0])).toEqual([1, 2, 3, 4])
    expect(asked).toHaveLength(1)
    const source = await openSource(url)
    const [first, second] = await Promise.all([source.read('a.bin', [0, 5]), source.read('a.bin', [5, 9])])
    expect([first, second]).toEqual([ramp.slice(0, 5), ramp.slice(5, 9)])
    const before = asked.length
    expect(await source.size?.('a.bin')).toBe(1000)
    expect(await source.read('a.bin')).toEqual(ramp)
    expect(asked).toHaveLength(before)
  })
})

describe('URLs', () => {
  it.each(['/model', '/model/', '/model?token=a%2Fb', '/model/?token=a%2Fb'])('of a folder: %s', async (path) => {
    const { url, asked } = await serve(files({ 'model/sub/a #%.bin': ramp }))
    expect(await (await openSource(new URL(url + path))).read('sub/a #%.bin')).toEqual(ramp)
    expect(asked).toEqual([`/model/sub/a%20%23%25.bin${path.includes('?') ? '?token=a%2Fb' : ''}`])
  })

  it('send the headers and go through the fetch that were given', async () => {
    const seen: unknown[] = []
    const { url } = await serve((request, response) =>
      response.end(JSON.stringify({ got: request.headers.authorization })),
    )
    const source = await openSource(url, {
      headers: { authorization: 'Bearer x' },
      fetch: (input, init) => {
        seen.push(String(input))
        return fetch(input, init)
      },
    })
    expect(await readJson(source, 'config.json')).toEqual({ got: 'Bearer x' })
    expect(seen).toEqual([`${url}/config.json`])
  })
})

describe('absent and refused', () => {
  it.each<[string, Answer]>([
    ['404', (_, response) => response.writeHead(404).end()],
    ['410', (_, response) => response.writeHead(410).end()],
    [
      'a page by its type',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('hello'),
    ],
    ['a page by its doctype', (_, response) => response.writeHead(200).end('\n <!DOCTYPE html><p>')],
    ['a page by its tag', (_, response) => response.writeHead(200).end('<html lang=en>')],
  ])('%s counts as absent', async (_what, answer) => {
    const { url } = await serve(answer)
    const source = await openSource(url)
    expect(await source.read('config.json')).toBeUndefined()
    expect(await source.size?.('config.json')).toBeUndefined()
    await expect(openWeights(source)).rejects.toMatchObject({ code: 'no-weights' })
  })

  it.each([401, 403, 500, 503])('%i is an error that names the URL, without its signature', async (status) => {
    const { url } = await serve((_, response) => response.writeHead(status).end())
    const error: unknown = await (
      await openSource(`${url}?sig=secret`, { retries: 0 })
    )
      .read('config.json')
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'SourceError', code: 'http-status' })
    expect((error as Error).message).toContain(`${url}/config.json answered ${status}`)
    expect((error as Error).message).not.toContain('secret')
    expect((error as Error).message.includes('login')).toBe(status < 500)
  })

  it('a server that is not there is an error', async () => {
    const { url } = await serve(() => undefined)
    closing.splice(0).forEach((close) => close())
    await expect((await openSource(url)).read('a')).rejects.toMatchObject({ code: 'fetch-failed' })
  })

  it('an answer that breaks off is an error, and the next read asks again', async () => {
    let broken = true
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': ramp.length })
      if (!broken) response.end(ramp)
      else response.write(ramp.subarray(0, 100), () => setTimeout(() => response.destroy(), 20))
    })
    const source = await openSource(url, { retries: 1 })
    await expect(source.read('a', [0, 10])).rejects.toMatchObject({ code: 'fetch-failed' })
    broken = false
    expect(await source.read('a', [0, 10])).toEqual(ramp.slice(0, 10))
  })
})

describe('signal and progress', () => {
  it('stops before and during an answer, with the reason given', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': ramp.length })
      response.write(ramp.subarray(0, 100))
    })
    const reason = new Error('enough')
    const before = new AbortController()
    const unread = await openSource(url, { signal: before.signal })
    before.abort(reason)
    await expect(unread.read('a')).rejects.toBe(reason)
    const aborting = new AbortController()
    const source = await openSource(url, { signal: aborting.signal, onProgress: () => aborting.abort(reason) })
    await expect(source.read('a')).rejects.toBe(reason)
  })

  it('tells how much of each file has come', async () => {
    const { url } = await serve(files({ 'a.bin': ramp }))
    const told: Progress[] = []
    const source = await openSource(url, { onProgress: (progress) => told.push(progress) })
    await source.read('a.bin')
    expect(told.at(-1)).toEqual({ file: 'a.bin', loaded: 1000, total: 1000 })
    await source.read('a.bin', [0, 10])
    expect(told.at(-1)).toEqual({ file: 'a.bin', loaded: 10, total: 10 })
  })

  it("does not take the length of a compressed answer for the file's", async () => {
    const packed = gzipSync(new Uint8Array(1000))
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed),
    )
    const told: Progress[] = []
    const source = await openSource(url, { onProgress: (progress) => told.push(progress) })
    await source.read('a.bin')
    expect(told.at(-1)).toEqual({ file: 'a.bin', loaded: 1000 })
    const hidden: typeof fetch = async () => new Response(new Uint8Array(1000), { headers: { 'content-length': '30' } })
    await (await openSource(url, { fetch: hidden, onProgress: (progress) => told.push(progress) })).read('a.bin')
    expect(told.at(-1)).toEqual({ file: 'a.bin', loaded: 1000 })
  })
})
