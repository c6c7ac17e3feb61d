import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { bundledPage, type BundledPage } from '../../../tools/browser/bundled-page'
import type { Checks } from './browser-page'

const FIXTURES = fileURLToPath(new URL('../../fixtures/text', import.meta.url))
const TIMEOUT = 180_000

describe('tokenizers in headless Chromium', () => {
  let bundled: BundledPage

  beforeAll(async () => {
    const csp = "default-src 'none'; script-src 'self'; connect-src 'self'"
    bundled = await bundledPage(new URL('browser-page.ts', import.meta.url), { '/fixtures': FIXTURES }, { csp })
  }, TIMEOUT)

  afterAll(() => bundled?.close())

  it.each(['bert', 'roberta', 'clip', 'xlm-roberta', 'camembert'])(
    '%s: ids, offsets, batches, errors and decoded text are those of transformers',
    { timeout: TIMEOUT },
    async (name) => {
      const page = await bundled.browser.newPage()
      await page.goto(`${bundled.server.url}/index.html`)
      const differences = await page.evaluate(
        ([fixtures, family]) => (globalThis as unknown as { checks: Checks }).checks.checkFamily(fixtures, family),
        [`${bundled.server.url}/fixtures`, name] as const,
      )
      expect(differences).toEqual([])
      await page.close()
    },
  )
})
