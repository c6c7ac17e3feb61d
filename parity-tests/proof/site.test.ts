import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { type BuiltSite, buildSite, faultsOf } from './built-site'
import { record } from './record'

/** One page of each kind: the first one, guides, tables from the code, codes of errors, charts, figures, the API. */
const PAGES = [
  'index.html',
  'start.html',
  'label-pictures.html',
  'training.html',
  'models.html',
  'which-backend.html',
  'errors.html',
  'parity.html',
  'parity/onnx.html',
  'benchmarks.html',
  'concepts.html',
  'from-pytorch.html',
  'api/index.html',
  'api/classes/_dual-encoder_core.ZeroShotClassifier.html',
]
const SIZES = [
  ['phone', 390, 844],
  ['desk', 1280, 900],
] as const

/** The whole site as `npm run docs` builds it, or one that was built before (`SITE_FOLDER`), on a server without headers. */
const before = process.env['SITE_FOLDER']
let site: BuiltSite | undefined
let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
const problems: string[] = []

beforeAll(async () => {
  site = before ? undefined : await buildSite()
  browser = await launchChromium()
  server = await serve({ '/': before ?? site!.folder })
  context = await browser.newContext({ serviceWorkers: 'block' })
  page = await context.newPage()
  page.on('pageerror', ({ message }) => problems.push(`${page.url()}: ${message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`)
  })
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (/^http/.test(protocol) && origin !== server.url) problems.push(`${page.url()} asks for ${request.url()}`)
  })
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await site?.[Symbol.asyncDispose]()
})

it.each(PAGES)('%s: nothing that axe complains about, nothing too wide, nothing of elsewhere', async (name) => {
  const found: string[] = []
  for (const [device, width, height] of SIZES)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const answer = await page.goto(`${server.url}/${name}`)
      expect(answer?.status()).toBe(200)
      await page.waitForLoadState('networkidle')
      const shots = process.env['SITE_SCREENSHOTS']
      if (shots)
        await page.screenshot({
          path: `${shots}/${name.replace(/\W+/g, '-')}-${device}-${colorScheme}.png`,
          fullPage: name === 'index.html',
        })
      found.push(...(await faultsOf(page)).map((fault) => `${device} ${colorScheme}: ${fault}`))
    }
  expect(found).toEqual([])
  expect(problems).toEqual([])
})

it('is written down', async () => {
  await record('site', {
    what: 'The built site in headless Chromium (parity-tests/proof/site.test.ts): axe, width, requests and errors of each page.',
    axe: axe.version,
    sizes: SIZES.map(([device, width, height]) => `${device} ${width} x ${height}`),
    schemes: ['light', 'dark'],
    pages: PAGES,
    violations: 0,
    requestsToOtherOrigins: 0,
  })
})
