import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { bundledPage, type BundledPage } from '../../../tools/browser/bundled-page'
import { FakeHub } from '../../../tools/hub/fake-hub'
import type { Attempt, HubPage } from './hub-page'

const TIMEOUT = 120_000
const FILES = {
  'config.json': Buffer.from('{"model_type":"clip"}'),
  'model.safetensors': Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251)),
}
const hashes = Object.fromEntries(
  Object.entries(FILES).map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]),
)

let hub: FakeHub
let bundled: BundledPage
let page: Awaited<ReturnType<BundledPage['browser']['newPage']>>

beforeAll(async () => {
  hub = await FakeHub.start({ tokens: { secret: {} } })
  hub.repo('org/model').commit(FILES)
  hub.repo('org/model').access = 'private'
  // Nothing but the hub and where it redirects.
  const csp = `default-src 'none'; script-src 'self'; connect-src ${hub.url} ${hub.cdn}`
  bundled = await bundledPage(new URL('hub-page.ts', import.meta.url), {}, { csp })
  page = await bundled.browser.newPage()
}, TIMEOUT)

afterAll(async () => {
  await bundled?.close()
  await hub.close()
})

beforeEach(async () => {
  await page.goto(`${bundled.server.url}/index.html`)
  await page.evaluate(() => (globalThis as unknown as { hub: HubPage }).hub.clear())
  hub.requests.length = 0
  hub.fault = undefined
})

const load = (attempt: Partial<Attempt> = {}) =>
  page.evaluate((attempt) => (globalThis as unknown as { hub: HubPage }).hub.load(attempt), {
    endpoint: hub.url,
    token: 'secret',
    hashes,
    ...attempt,
  })
const ok = { code: 'ok', wrong: [] }

it('keeps a model over reloads, asks one thing afterwards, and nothing offline', { timeout: TIMEOUT }, async () => {
  expect(await load()).toEqual(ok)
  const second = hub.requests.filter(({ host }) => host === 'cdn')
  expect(second.length).toBeGreaterThan(0)
  expect(JSON.stringify(second)).not.toContain('secret')
  await page.reload()
  hub.requests.length = 0
  expect(await load()).toEqual(ok)
  expect(hub.requests.map(({ method }) => method)).toEqual(['HEAD'])
  hub.requests.length = 0
  expect(await load({ localFilesOnly: true })).toEqual(ok)
  expect(hub.requests).toEqual([])
  hub.fault = () => ({ kind: 'reset' })
  expect(await load()).toEqual(ok)
})

it('finds nothing offline that was never loaded, or was cleared', { timeout: TIMEOUT }, async () => {
  expect(await load({ localFilesOnly: true })).toEqual({ code: 'not-cached', wrong: [] })
  expect(await load()).toEqual(ok)
  const list = () => page.evaluate((url) => (globalThis as unknown as { hub: HubPage }).hub.list(url), hub.url)
  const remove = () => page.evaluate((url) => (globalThis as unknown as { hub: HubPage }).hub.remove(url), hub.url)
  const size = Object.values(FILES).reduce((sum, { length }) => sum + length, 0)
  const commit = hub.repo('org/model').refs.get('main')
  expect(await list()).toEqual([{ name: 'org/model', size, revisions: [{ commit, refs: ['main'] }] }])
  expect(await remove()).toBe(true)
  expect(await list()).toEqual([])
  expect(await load({ localFilesOnly: true })).toEqual({ code: 'not-cached', wrong: [] })
})

it('what the quota has no room for is used and not kept, and downloadModel says so', { timeout: TIMEOUT }, async () => {
  // Of another profile: what was thrown away may still count here.
  await using context = await bundled.browser.newContext()
  const page = await context.newPage()
  await page.goto(`${bundled.server.url}/index.html`)
  const inPage = <T>(call: keyof HubPage, ...args: unknown[]) =>
    page.evaluate(
      ({ call, args }) => ((globalThis as unknown as { hub: HubPage }).hub[call] as (...args: unknown[]) => T)(...args),
      { call, args },
    )
  const load = (more = {}) => inPage('load', { endpoint: hub.url, token: 'secret', hashes, ...more })
  const list = () => inPage<Promise<{ size: number }[]>>('list', hub.url)
  const cdp = await context.newCDPSession(page)
  const setQuota = (quotaSize?: number) =>
    cdp.send('Storage.overrideQuotaForOrigin', { origin: bundled.server.url, quotaSize })
  const warnings: string[] = []
  page.on('console', (message) => warnings.push(message.text()))
  await setQuota(200_000)
  expect(await load()).toEqual(ok)
  expect(warnings.join()).toMatch(
    /model\.safetensors is not kept .*300000 bytes are needed, and \d+ of 200000 are free/,
  )
  // The small file is there, and nothing of the large one.
  const kept = await list()
  expect(kept.map(({ size }) => size)).toEqual([FILES['config.json'].length])
  hub.requests.length = 0
  expect(await inPage('download', hub.url, 'secret')).toMatch(
    /^disk-full: model\.safetensors .*300000 bytes are needed, and \d+ of 200000 are free/,
  )
  expect(await list()).toEqual(kept)
  await setQuota()
  expect(await inPage('empty', hub.url)).toEqual(['org/model'])
  expect(await list()).toEqual([])
  expect(await load()).toEqual(ok)
  hub.requests.length = 0
  expect(await load({ localFilesOnly: true })).toEqual(ok)
  expect(hub.requests).toEqual([])
})

it.each(['swapped', 'shorter', 'longer', 'html'] as const)(
  'a body that is %s is never kept, and the next call works',
  { timeout: TIMEOUT },
  async (kind) => {
    hub.fault = ({ host }) => (host === 'cdn' ? { kind } : undefined)
    expect(await load({ retries: 0 })).toEqual({ code: 'bad-download', wrong: [] })
    hub.fault = undefined
    expect(await load()).toEqual(ok)
  },
)
