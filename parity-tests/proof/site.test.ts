import { readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { type BuiltSite, buildSite, faultsOf } from './built-site'
import { record } from './record'

const LOOKS = [
  ['phone', 390, 844, 'light'],
  ['desk', 1280, 900, 'dark'],
  ['phone', 390, 844, 'dark'],
  ['desk', 1280, 900, 'light'],
] as const

/** TypeDoc's tree of names, made by a script. */
const TREE = '#tsd-nav-container'

/** The whole site as `npm run docs` builds it, on a server without headers. */
const shots = process.env['SITE_SCREENSHOTS']
let site: BuiltSite
let written: string[]
let ofTheApi: string[]
/** One of each folder: on the others axe leaves out the tree of all names, most of a page's elements, which is the same. */
let withTree: Set<string>
let server: Server
let browser: Browser
let context: BrowserContext
/** As many as there are processors: each looks at a page. */
let tabs: Page[]
const problems: string[] = []
const shown: string[] = []

beforeAll(async () => {
  site = await buildSite()
  browser = await launchChromium()
  const pages = (await readdir(site.folder, { recursive: true })).filter((name) => name.endsWith('.html')).sort()
  ofTheApi = pages.filter((name) => name.startsWith('api/'))
  withTree = new Set(new Map(ofTheApi.map((name) => [dirname(name), name])).values())
  written = pages.filter((name) => !name.startsWith('api/'))
  server = await serve({ '/': site.folder })
  context = await browser.newContext({ serviceWorkers: 'block' })
  tabs = await Promise.all(Array.from({ length: availableParallelism() }, () => context.newPage()))
  for (const tab of tabs) {
    tab.on('pageerror', ({ message }) => problems.push(`${tab.url()}: ${message}`))
    tab.on('console', (message) => {
      if (message.type() === 'error') problems.push(`${tab.url()}: ${message.text()}`)
    })
    tab.on('request', (request) => {
      const { protocol, origin } = new URL(request.url())
      if (/^http/.test(protocol) && origin !== server.url) problems.push(`${tab.url()} asks for ${request.url()}`)
    })
  }
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await site?.[Symbol.asyncDispose]()
})

/** What is wrong with pages, in each of the looks; each tab takes the next page when it is done with one. */
async function look(names: readonly string[], looks: readonly (typeof LOOKS)[number][]): Promise<string[]> {
  const found: string[] = []
  const next = names.values()
  await Promise.all(
    tabs.map(async (tab) => {
      for (const name of next) found.push(...(await lookAt(tab, name, looks)))
    }),
  )
  return found
}

async function lookAt(page: Page, name: string, looks: readonly (typeof LOOKS)[number][]): Promise<string[]> {
  const found: string[] = []
  const besides = name.startsWith('api/') && !withTree.has(name) ? [TREE] : []
  const answer = await page.goto(`${server.url}/${name}`)
  expect(answer?.status()).toBe(200)
  await page.waitForLoadState(name.startsWith('api/') ? 'load' : 'networkidle')
  if (name.startsWith('api/')) await page.locator(`${TREE} a`).first().waitFor({ state: 'attached' })
  for (const [device, width, height, colorScheme] of looks) {
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    // The site's own pages follow the scheme by a class, TypeDoc's by CSS.
    await page.waitForFunction(
      (dark) =>
        'theme' in document.documentElement.dataset || document.documentElement.classList.contains('dark') === dark,
      colorScheme === 'dark',
    )
    if (shots)
      await page.screenshot({
        path: `${shots}/${name.replace(/\W+/g, '-')}-${device}-${colorScheme}.png`,
        fullPage: name === 'index.html',
      })
    found.push(...(await faultsOf(page, besides)).map((fault) => `${name} ${device} ${colorScheme}: ${fault}`))
  }
  return found
}

it('has nothing that axe complains about, nothing too wide, nothing of elsewhere on any page that is written', async () => {
  const found = await look(written, LOOKS)
  expect(written.length).toBeGreaterThan(30)
  expect([...found, ...problems]).toEqual([])
  shown.push('written')
}, 1_200_000)

it('nor on any page of the API', async () => {
  const found = await look(ofTheApi, LOOKS.slice(0, 2))
  expect(ofTheApi.length).toBeGreaterThan(300)
  expect([...found, ...problems]).toEqual([])
  shown.push('api')
}, 3_600_000)

it('is written down', async () => {
  expect(shown).toEqual(['written', 'api'])
  const looks = (of: readonly (typeof LOOKS)[number][]) =>
    of.map(([device, width, height, scheme]) => `${device} ${width} x ${height} ${scheme}`)
  await record('site', {
    what: 'Every page of the built site in headless Chromium (parity-tests/proof/site.test.ts): axe, width, requests and errors.',
    axe: axe.version,
    pages: { count: written.length, looks: looks(LOOKS) },
    pagesOfTheApi: {
      count: ofTheApi.length,
      looks: looks(LOOKS.slice(0, 2)),
      note: `the tree of all names, the same on each, on ${withTree.size}: one of each kind`,
    },
    violations: 0,
    requestsToOtherOrigins: 0,
  })
})
