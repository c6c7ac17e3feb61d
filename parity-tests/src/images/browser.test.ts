import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { bundledPage, type BundledPage } from '../../../tools/browser/bundled-page'
import { serve } from '../../../tools/browser/server'
import type { Checks } from './browser-page'
import { DIFFERENT } from './tiff'

const FIXTURES = fileURLToPath(new URL('../../fixtures/images', import.meta.url))
const FORMATS = fileURLToPath(new URL('../../fixtures/image-formats', import.meta.url))
const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' blob:; img-src 'self'; worker-src 'self'"
const TIMEOUT = 180_000

describe('images in headless Chromium', () => {
  let bundled: BundledPage
  let fixtures: string

  beforeAll(async () => {
    bundled = await bundledPage(
      new URL('browser-page.ts', import.meta.url),
      { '/fixtures': FIXTURES, '/formats': FORMATS },
      { csp: CSP },
    )
    await writeFile(
      join(bundled.folder, 'worker.js'),
      "import './page.js'\nonmessage = async ({ data: [check, fixtures] }) => postMessage(await checks[check](fixtures))",
    )
    fixtures = `${bundled.server.url}/fixtures`
  }, TIMEOUT)

  afterAll(() => bundled?.close())

  async function open(url = bundled.server.url): Promise<Page> {
    const page = await bundled.browser.newPage()
    await page.goto(`${url}/index.html`)
    return page
  }

  /** Runs one of the page's checks in the page itself or in a worker. */
  const run = <C extends Exclude<keyof Checks, 'withoutWebgl'>>(
    page: Page,
    check: C,
    inWorker: boolean,
    at = fixtures,
  ) =>
    page.evaluate(
      async ({ check, inWorker, fixtures }): Promise<unknown> => {
        if (!inWorker) return (globalThis as unknown as { checks: Checks }).checks[check](fixtures)
        const worker = new Worker('worker.js', { type: 'module' })
        return new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data)
          worker.onerror = (event) => reject(new Error(event.message))
          worker.postMessage([check, fixtures])
        })
      },
      { check, inWorker, fixtures: at },
    ) as ReturnType<Checks[C]>

  describe.each([
    ['window', false],
    ['worker', true],
  ])('in a %s', (_, inWorker) => {
    it('prepares every tensor to the bit', { timeout: TIMEOUT }, async () => {
      expect(await run(await open(), 'checkProcessors', inWorker)).toEqual([])
    })

    it('decodes every file to the byte', { timeout: TIMEOUT }, async () => {
      expect(await run(await open(), 'checkFiles', inWorker)).toEqual({})
    })

    it('puts transparent files and elements on a colour', { timeout: TIMEOUT }, async () => {
      expect(await run(await open(), 'checkTransparent', inWorker)).toEqual([])
    })

    it('turns pictures and takes first frames as Pillow does', { timeout: TIMEOUT }, async () => {
      expect(await run(await open(), 'checkFormats', inWorker, `${bundled.server.url}/formats`)).toEqual({})
    })

    it('decodes HEIC as Node does', { timeout: TIMEOUT }, async () => {
      const differences = await run(await open(), 'checkHeic', inWorker, `${bundled.server.url}/formats`)
      const lossy = ['444', '420', '422', 'odd', 'low', 'grey', 'alpha']
      expect(differences).toEqual(Object.fromEntries(lossy.map((name) => [`${name}.heic`, 'other bytes'])))
    })

    it('decodes TIFF as Node does', { timeout: TIMEOUT }, async () => {
      const differences = await run(await open(), 'checkTiffs', inWorker, `${bundled.server.url}/formats`)
      expect(Object.keys(differences).sort()).toEqual(DIFFERENT.map((name) => `${name}.tif`).sort())
    })
  })

  describe.each([
    ['window', false],
    ['worker', true],
  ])('from a %s', (_, inWorker) => {
    const batch = {
      same: true,
      indices: [0, 1, 3, 4],
      errors: [[2, 'ImageError', 'image-corrupt']],
      thrown: 'images[2]:',
    }

    it('gives files to workers, to the bit', { timeout: TIMEOUT }, async () => {
      const csp = `${CSP} blob:`
      await using server = await serve({ '/': bundled.folder, '/fixtures': FIXTURES }, { csp })
      const result = await run(await open(server.url), 'checkWorkers', inWorker, `${server.url}/fixtures`)
      expect(result).toMatchObject({ batch, differences: [] })
      expect(result.batch.threads).toBeGreaterThanOrEqual(1)
      expect(result.posted).toBeGreaterThanOrEqual(800)
    })

    it('does without workers where a content security policy forbids them', { timeout: TIMEOUT }, async () => {
      const result = await run(await open(), 'checkWorkers', inWorker)
      expect(result).toEqual({ batch: { ...batch, threads: 0 }, posted: 0, differences: [] })
    })
  })

  it('takes elements, canvases, bitmaps and URLs, and large pictures', { timeout: TIMEOUT }, async () => {
    expect(await run(await open(), 'checkSources', false)).toEqual([])
  })

  it('gives a picture or a typed error for damaged files', { timeout: TIMEOUT }, async () => {
    expect(await run(await open(), 'checkDamaged', false)).toEqual([])
  })

  it('decodes opaque pictures without WebGL2, and refuses transparent ones', { timeout: TIMEOUT }, async () => {
    const page = await open()
    await page.evaluate(() => (globalThis as unknown as { checks: Checks }).checks.withoutWebgl())
    const differences = Object.entries(await run(page, 'checkFiles', false))
    for (const [name, difference] of differences) {
      expect(name).toMatch(/alpha|rgba|trns|c4|c6|clear/)
      expect(difference).toMatch(/WebGL2/)
    }
    expect(differences.length).toBeGreaterThan(5)
  })
})
