import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { bundledPage } from '../../tools/browser/bundled-page'
import { FakeHub } from '../../tools/hub/fake-hub'
import type { Attempt, HubPage } from '../src/checkpoint/hub-page'
import { faultOf, FILES, random } from './faults'
import { record } from './record'

const DOWNLOADS = 200
const LANES = 4
const TOKEN = 'hf_secret'
const hashes = Object.fromEntries(
  Object.entries(FILES).map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]),
)

it(`${DOWNLOADS} downloads in Chromium that fail at random: nothing half is kept, every failure is typed, the next call works`, async () => {
  const bundled = await bundledPage(new URL('../src/checkpoint/hub-page.ts', import.meta.url), {})
  const counts: Record<string, number> = {}
  const seen = { wrong: [] as string[], untyped: [] as string[], failedAgain: [] as string[], tokensElsewhere: 0 }
  let done = 0
  const lane = async () => {
    const hub = await FakeHub.start({ tokens: { [TOKEN]: {} } })
    hub.repo('org/model').commit(FILES)
    hub.repo('org/model').access = 'private'
    const context = await bundled.browser.newContext()
    const page = await context.newPage()
    await page.goto(`${bundled.server.url}/index.html`)
    const load = (attempt: Partial<Attempt>) =>
      page.evaluate((attempt) => (globalThis as unknown as { hub: HubPage }).hub.load(attempt), {
        endpoint: hub.url,
        token: TOKEN,
        hashes,
        ...attempt,
      })
    while (done < DOWNLOADS) {
      const next = random(10_000 + done++)
      const { fault, from, times } = faultOf(next)
      const leaves = next() < 0.2 ? Math.floor(next() * 203_000) : 1e12
      await page.evaluate(() => (globalThis as unknown as { hub: HubPage }).hub.clear())
      hub.requests.length = 0
      let count = 0
      hub.fault = () => (count++ >= from && count <= from + times ? fault : undefined)
      const first = await load({ timeout: 300, retries: Math.floor(next() * 3), leaves })
      counts[first.code] = (counts[first.code] ?? 0) + 1
      seen.wrong.push(...first.wrong)
      if (/untyped|another|no /.test(first.code)) seen.untyped.push(`${JSON.stringify(fault)}: ${first.code}`)
      hub.fault = undefined
      const again = await load({})
      seen.wrong.push(...again.wrong)
      if (again.code !== 'ok') seen.failedAgain.push(`${JSON.stringify(fault)}: ${again.code}`)
      seen.tokensElsewhere += hub.requests.filter(
        ({ host, headers }) => host === 'cdn' && JSON.stringify(headers).includes(TOKEN),
      ).length
    }
    await context.close()
    await hub.close()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const chromium = bundled.browser.version()
  await bundled.close()
  const { ok = 0, ...failures } = counts
  await record('hub-faults-chromium', {
    chromium,
    what: 'Downloads of three files from the fake hub (tools/hub) into the Cache API, with faults at random requests and bytes.',
    downloads: done,
    failed: done - ok,
    partialFilesSeen: seen.wrong.length,
    untypedFailures: seen.untyped.length,
    nextCallsThatFailed: seen.failedAgain.length,
    tokensSentToTheSecondHost: seen.tokensElsewhere,
    failuresByCode: Object.fromEntries(Object.entries(failures).sort()),
  })
  for (const list of [seen.wrong, seen.untyped, seen.failedAgain]) list.splice(10)
  expect(seen).toEqual({ wrong: [], untyped: [], failedAgain: [], tokensElsewhere: 0 })
  expect(done - ok).toBeGreaterThan(DOWNLOADS / 4)
})
