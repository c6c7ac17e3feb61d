import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openSource } from '../source'

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

/** A server that answers as the test says; `asked` lists the headers of each request. */
async function serve(answer: Answer): Promise<{ url: string; asked: IncomingMessage['headers'][] }> {
  const asked: IncomingMessage['headers'][] = []
  const server = createServer((request, response) => {
    asked.push(request.headers)
    answer(request, response, asked.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const file = Uint8Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 251)

interface Sending {
  /** Bytes after which the connection breaks off. */
  readonly cut?: number
  readonly etag?: string
  readonly ranges?: boolean
}

/** Sends the file, or the range asked for. */
function send(request: IncomingMessage, response: ServerResponse, { cut, etag, ranges = true }: Sending = {}): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec((ranges && request.headers.range) || '') ?? []
  const start = Number(from ?? 0)
  const end = to ? Math.min(Number(to) + 1, file.length) : file.length
  const headers = { 'content-length': end - start, ...(etag && { etag }) }
  if (from === undefined) response.writeHead(200, headers)
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end - 1}/${file.length}` })
  if (cut === undefined || cut >= end - start) response.end(file.subarray(start, end))
  else response.write(file.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 5))
}

describe('a server that is busy', () => {
  it.each([429, 500, 502, 503, 504])('%i: is asked again, after as long as it says', async (status) => {
    const { url, asked } = await serve((request, response, count) =>
      count < 3
        ? response.writeHead(status, { 'retry-after': count === 1 ? '0' : '0.2' }).end()
        : send(request, response),
    )
    const start = performance.now()
    expect(await (await openSource(url)).read('a')).toEqual(file)
    expect(asked).toHaveLength(3)
    expect(performance.now() - start).toBeGreaterThan(190)
  })

  it('for good: is an error that says so, and nothing of logins', async () => {
    const { url, asked } = await serve((_, response) => response.writeHead(503).end())
    const error = await (await openSource(url, { retries: 2 })).read('a').catch((error: unknown) => error as Error)
    expect(error).toMatchObject({ name: 'SourceError', code: 'http-status' })
    expect((error as Error).message).toMatch(/503.*tried 3 times.*Try again later/)
    expect((error as Error).message).not.toMatch(/login/)
    expect(asked).toHaveLength(3)
  })

  it('and wants an hour: is not waited for', async () => {
    const { url, asked } = await serve((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end())
    await expect((await openSource(url)).read('a')).rejects.toThrow(/429.*3600 s/)
    expect(asked).toHaveLength(1)
  })

  it('is left at once when the caller leaves', async () => {
    const { url } = await serve((_, response) => response.writeHead(503, { 'retry-after': '30' }).end())
    const leaving = new AbortController()
    const read = (await openSource(url, { signal: leaving.signal })).read('a')
    setTimeout(() => leaving.abort(new Error('enough')), 50)
    await expect(read).rejects.toThrow('enough')
  })
})

describe('a connection that breaks off', () => {
  it.each<[string, Sending]>([
    ['with ranges and a tag', { etag: '"a"' }],
    ['with ranges alone', {}],
  ])('is taken up where it broke, %s', async (_what, sending) => {
    const { url, asked } = await serve((request, response, count) =>
      send(request, response, { ...sending, ...(count < 4 && { cut: 7_000 }) }),
    )
    const told: number[] = []
    const source = await openSource(url, { onProgress: ({ loaded }) => told.push(loaded) })
    expect(await source.read('a')).toEqual(file)
    expect(asked.map(({ range }) => range?.split('-')[0])).toEqual([
      undefined,
      'bytes=7000',
      'bytes=14000',
      'bytes=21000',
    ])
    expect(asked[1]?.['if-range']).toBe(sending.etag)
    expect(told.at(-1)).toBe(file.length)
    expect(await source.read('a', [10_000, 20_000])).toEqual(file.slice(10_000, 20_000))
  })

  it('is taken up within a range', async () => {
    const { url, asked } = await serve((request, response, count) =>
      send(request, response, count < 2 ? { cut: 50 } : {}),
    )
    expect(await (await openSource(url)).read('a', [1000, 2000])).toEqual(file.slice(1000, 2000))
    expect(asked.map(({ range }) => range)).toEqual(['bytes=1000-1999', 'bytes=1050-1999'])
  })

  it('is taken up by hearing all of it again, of a server without ranges', async () => {
    const { url } = await serve((request, response, count) =>
      send(request, response, { ranges: false, ...(count < 3 && { cut: 7_000 * count }) }),
    )
    expect(await (await openSource(url)).read('a', [14_000, 29_000])).toEqual(file.slice(14_000, 29_000))
  })

  it("is no other file's beginning: one that changes meanwhile is an error, and the next call works", async () => {
    const { url } = await serve((request, response, count) =>
      send(request, response, count < 2 ? { cut: 7_000, etag: '"a"' } : { etag: '"b"', ranges: count > 2 }),
    )
    const source = await openSource(url)
    await expect(source.read('a')).rejects.toMatchObject({ name: 'SourceError', code: 'file-changed' })
    expect(await source.read('a')).toEqual(file)
  })

  it('stalls: ends when nothing comes for a while, however long the whole takes', async () => {
    let stalls = true
    const { url } = await serve((_, response) => {
      if (stalls) response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 10))
      else {
        response.writeHead(200, { 'content-length': 10 })
        let sent = 0
        const timer = setInterval(() => {
          response.write(file.subarray(sent, ++sent))
          if (sent === 10) clearInterval(timer)
        }, 60)
      }
    })
    const source = await openSource(url, { timeout: 200, retries: 1 })
    await expect(source.read('a')).rejects.toMatchObject({ name: 'SourceError', code: 'fetch-stalled' })
    stalls = false
    expect(await source.read('a')).toEqual(file.slice(0, 10))
  })
})

it('a caller who leaves between two chunks is let go', async () => {
  const large = Buffer.alloc(300_000, 7)
  const { url } = await serve((_, response) => response.end(large))
  for (let after = 1; after <= 20; after++) {
    const leaving = new AbortController()
    let chunks = 0
    const onProgress = () => ++chunks === (after % 5) + 1 && leaving.abort(new Error('enough'))
    const source = await openSource(url, { signal: leaving.signal, onProgress })
    await source.read('a').catch((error: unknown) => expect(error).toMatchObject({ message: 'enough' }))
  }
})

it('a connection that brings a few bytes at a time is given up', async () => {
  const { url, asked } = await serve((request, response) => send(request, response, { cut: 10 }))
  await expect((await openSource(url, { retries: 2 })).read('a')).rejects.toMatchObject({ code: 'fetch-failed' })
  expect(asked).toHaveLength(3)
})

describe('a server that answers 416', () => {
  it('for bytes that are there, is asked for the whole file', async () => {
    const { url } = await serve((request, response) =>
      request.headers.range
        ? response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
        : send(request, response),
    )
    const source = await openSource(url)
    expect(await source.read('a', [10, 20])).toEqual(file.slice(10, 20))
    expect(await source.size?.('a')).toBe(file.length)
  })
})

it('a file of a server without ranges takes no memory, and is sent once', async () => {
  const large = Buffer.alloc(64 * 2 ** 20, 7)
  const { url, asked } = await serve((_, response) => response.end(large))
  const source = await openSource(url)
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const held = () => (gc(), process.memoryUsage().arrayBuffers)
  const before = held()
  expect(await source.read('a', [large.length - 2, large.length + 9])).toEqual(new Uint8Array([7, 7]))
  expect(await source.read('a', [0, 1])).toEqual(new Uint8Array([7]))
  // The socket's last buffers go a moment later.
  await vi.waitFor(() => expect(held() - before).toBeLessThan(8 * 2 ** 20), { timeout: 5000, interval: 100 })
  expect(asked).toHaveLength(1)
})

describe('redirects', () => {
  it('to another host are followed without the headers that were given', async () => {
    const other = await serve((request, response) => send(request, response))
    const { url, asked } = await serve((request, response) =>
      request.url === '/there'
        ? send(request, response)
        : response.writeHead(302, { location: request.url === '/same' ? '/there' : `${other.url}/x` }).end(),
    )
    const source = await openSource(url, { headers: { authorization: 'Bearer secret', 'x-key': 'secret' } })
    expect(await source.read('other', [0, 10])).toEqual(file.slice(0, 10))
    expect(asked[0]).toMatchObject({ authorization: 'Bearer secret', 'x-key': 'secret' })
    expect(JSON.stringify(other.asked)).not.toContain('secret')
    expect(other.asked[0]?.range).toBe('bytes=0-9')
    expect(await source.read('same')).toEqual(file)
    expect(asked.at(-1)).toMatchObject({ authorization: 'Bearer secret' })
  })

  it.each(['/again', 'data:text/plain,x', 'http://['])('to %s are an error', async (location) => {
    const { url } = await serve((_, response) => response.writeHead(307, { location }).end())
    await expect((await openSource(url)).read('a')).rejects.toMatchObject({ name: 'SourceError', code: 'bad-redirect' })
  })
})

it('a name that no host has is an error at once', async () => {
  const source = await openSource('http://no-such-host.invalid/model')
  await expect(source.read('a')).rejects.toMatchObject({ name: 'SourceError', code: 'fetch-failed' })
})
