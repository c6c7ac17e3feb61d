import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchChromium } from '../../../tools/browser/chromium'
import { serve, type Server } from '../../../tools/browser/server'
import type { Checks } from './browser-page'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const TIMEOUT = 180_000

describe('tokenizers in headless Chromium', () => {
  let folder: string
  let server: Server
  let browser: Browser

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-text-'))
    await build({
      entryPoints: [fileURLToPath(new URL('browser-page.ts', import.meta.url))],
      outfile: join(folder, 'page.js'),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['@dual-encoder/source'],
    })
    const page = '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>'
    await writeFile(join(folder, 'index.html'), page)
    server = await serve(
      { '/': folder, '/fixtures': FIXTURES },
      { csp: "default-src 'none'; script-src 'self'; connect-src 'self'" },
    )
    browser = await launchChromium()
  }, TIMEOUT)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(['bert', 'roberta', 'clip', 'xlm-roberta', 'camembert'])(
    '%s: ids, offsets, batches, errors and decoded text are those of transformers',
    { timeout: TIMEOUT },
    async (name) => {
      const page = await browser.newPage()
      await page.goto(`${server.url}/index.html`)
      const differences = await page.evaluate(
        ([fixtures, family]) => (globalThis as unknown as { checks: Checks }).checks.checkFamily(fixtures, family),
        [`${server.url}/fixtures`, name] as const,
      )
      expect(differences).toEqual([])
      await page.close()
    },
  )
})
