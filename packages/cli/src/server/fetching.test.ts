import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { fetchPicture, type FetchLimits, isPublic } from './fetching'

const servers: ReturnType<typeof createServer>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `pictures.example:${(server.address() as AddressInfo).port}`
}

/** A name whose address is this machine, said to be public. */
const limits = (host: string, more: Partial<FetchLimits> = {}): FetchLimits => ({
  hosts: [host],
  maxBytes: 100,
  timeout: 20_000,
  resolve: () => Promise.resolve([{ address: '127.0.0.1' }]),
  isPublic: () => true,
  ...more,
})

it('fetches of an allowed host, resolved once', async () => {
  const hosts: unknown[] = []
  const host = await serve((request, response) => (hosts.push(request.headers.host), response.end('picture')))
  let asked = 0
  // A name that means something else the second time.
  const resolve = () => Promise.resolve([{ address: asked++ === 0 ? '127.0.0.1' : '192.0.2.1' }])
  const bytes = await fetchPicture(`http://${host}/a.png`, limits(host, { resolve }))
  expect([new TextDecoder().decode(bytes), asked, hosts]).toEqual(['picture', 1, [host]])
})

it.each([
  ['http://other.example/a.png', 'bad-host'],
  ['http://pictures.example.evil.example/', 'bad-host'],
  ['http://pictures.example@127.0.0.1/', 'bad-host'],
  ['http://user:word@pictures.example/', 'bad-host'],
  ['http://pictures.example:81/', 'bad-host'],
  ['file:///etc/passwd', 'bad-host'],
  ['ftp://pictures.example/a', 'bad-host'],
  ['not a url', 'bad-host'],
])('does not fetch %s', async (url, code) => {
  await expect(fetchPicture(url, limits('pictures.example'))).rejects.toMatchObject({ status: 400, code })
})

it('connects to no private address, whatever name or number stands for it', async () => {
  const { isPublic: _, ...real } = limits('pictures.example')
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:10.0.0.1',
    'fd00::1',
    'fe80::1',
    '64:ff9b::a00:1',
  ])
    for (const resolve of [[{ address }], [{ address: '93.184.215.14' }, { address }]])
      await expect(
        fetchPicture('http://pictures.example/', { ...real, resolve: () => Promise.resolve(resolve) }),
        address,
      ).rejects.toMatchObject({ code: 'bad-host' })
  // The URL's parser makes one thing of all of these.
  for (const host of ['2130706433', '0x7f.1', '127.1', '[::1]', '[::ffff:7f00:1]']) {
    const named = new URL(`http://${host}/`).host
    await expect(fetchPicture(`http://${host}/`, { ...real, hosts: [named] })).rejects.toMatchObject({
      code: 'bad-host',
    })
  }
  expect(['93.184.215.14', '2606:4700::1111', '2a00:1450:4001::1'].map(isPublic)).toEqual([true, true, true])
})

it.each<[string, RequestListener]>([
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1/' }).end()],
  ['no picture', (_, response) => response.writeHead(404).end()],
  ['too much', (_, response) => response.end('a'.repeat(101))],
  [
    'half of it',
    (_, response) => (
      response.writeHead(200, { 'content-length': 50 }).write('a'),
      void setTimeout(() => response.destroy(), 20)
    ),
  ],
  ['no end', (_, response) => void response.write('a')],
])('takes from an allowed host not %s', async (_, answer) => {
  const host = await serve(answer)
  await expect(fetchPicture(`http://${host}/`, limits(host, { timeout: 300 }))).rejects.toMatchObject({
    code: 'not-fetched',
  })
})
