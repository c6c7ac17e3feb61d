import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { record } from './record'

const ROOT = resolve(import.meta.dirname, '../..')
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
const built = process.env['SITE_FOLDER']
let folder: string
let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
const problems: string[] = []

beforeAll(async () => {
  folder = built ?? (await mkdtemp(join(tmpdir(), 'dual-encoder-whole-site-')))
  const node = (...args: string[]) =>
    promisify(execFile)(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'production', DOCS_OUT: folder },
    })
  if (!built) {
    await node('node_modules/vitepress/bin/vitepress.js', 'build', 'docs')
    await node('node_modules/typedoc/bin/typedoc', '--out', join(folder, 'api'))
  }
  browser = await launchChromium()
  server = await serve({ '/': folder })
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
  if (!built) await rm(folder, { recursive: true, force: true })
})

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

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
      // The API's pages have their own scheme, and no policy that would keep a script out.
      await page.evaluate(axe.source)
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
        return (await axe.run()).violations.map(
          ({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0]!.html} ${nodes[0]!.failureSummary}`,
        )
      })
      found.push(...violations.map((violation) => `${device} ${colorScheme}: ${violation}`))
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) found.push(`${device}: ${wide} pixels too wide`)
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
