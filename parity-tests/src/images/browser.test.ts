import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchChromium } from '../../../tools/browser/chromium'
import { serve, type Server } from '../../../tools/browser/server'
import type { BrowserResult } from './browser-page'

const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'"

describe('images in headless Chromium', () => {
  let folder: string
  let server: Server
  let browser: Browser

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'images-'))
    await build({
      entryPoints: [fileURLToPath(new URL('browser-page.ts', import.meta.url))],
      outfile: join(folder, 'page.js'),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['@dual-encoder/source'],
    })
    await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>')
    await writeFile(
      join(folder, 'worker.js'),
      "import './page.js'\nonmessage = async ({ data }) => postMessage(await checkImages(data))",
    )
    const fixtures = fileURLToPath(new URL('../../fixtures/images', import.meta.url))
    server = await serve({ '/': folder, '/fixtures': fixtures }, { csp: CSP })
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(['window', 'worker'])(
    'equals Python in a %s, but for the listed files',
    { timeout: 180_000 },
    async (place) => {
      const page = await browser.newPage()
      await page.goto(`${server.url}/index.html`)
      const result = await page.evaluate(
        async ({ place, fixtures }): Promise<BrowserResult> => {
          const scope = globalThis as unknown as { checkImages(fixtures: string): Promise<BrowserResult> }
          if (place === 'window') return scope.checkImages(fixtures)
          const worker = new Worker('worker.js', { type: 'module' })
          return new Promise((resolve, reject) => {
            worker.onmessage = ({ data }) => resolve(data as BrowserResult)
            worker.onerror = (event) => reject(new Error(event.message))
            worker.postMessage(fixtures)
          })
        },
        { place, fixtures: `${server.url}/fixtures` },
      )
      expect(result.torchvision).toEqual([])
      expect(result.pil).toEqual([])
      const expected = Object.keys(result.files).filter((name) => name.endsWith('.tif') && name !== 'truncated.tif')
      expect(Object.keys(result.files)).toEqual(expected)
    },
  )
})
