import { fileURLToPath } from 'node:url'

import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { bundledPage, type BundledPage } from '../../../tools/browser/bundled-page'
import type { Checks } from './browser-page'

const MODEL = fileURLToPath(new URL('../../models/emoji-vit-bert', import.meta.url))
const TIMEOUT = 180_000

describe('checkpoints in headless Chromium', () => {
  let bundled: BundledPage
  let page: Page

  beforeAll(async () => {
    bundled = await bundledPage(new URL('browser-page.ts', import.meta.url), { '/model': MODEL })
    page = await bundled.browser.newPage()
    await page.goto(`${bundled.server.url}/index.html`)
  }, TIMEOUT)

  afterAll(() => bundled?.close())

  it('saves into a FileSystemDirectoryHandle, over itself, in shards and back', { timeout: TIMEOUT }, async () => {
    const saved = await page.evaluate(
      (model) => (globalThis as unknown as { checks: Checks }).checks.saves(model),
      `${bundled.server.url}/model`,
    )
    expect(saved.different).toEqual([])
    expect(saved.weights[0]).toBe(saved.weights[1])
    expect(saved.whole).toContain('model.safetensors')
    expect(saved.sharded).not.toContain('model.safetensors')
    expect(saved.sharded).toContain('model.safetensors.index.json')
    expect(saved.again).toContain('model.safetensors')
    expect(saved.again).not.toContain('model.safetensors.index.json')
  })

  it('keeps a file whose replacement fails, and no part of a new one', async () => {
    const kept = await page.evaluate(() => (globalThis as unknown as { checks: Checks }).checks.keepsTheOldFile())
    expect(kept).toEqual(['stopped', 'stopped', 'old', false])
  })

  it('has typed errors for paths', async () => {
    const codes = await page.evaluate(() => (globalThis as unknown as { checks: Checks }).checks.paths())
    expect(codes).toEqual(['no-file-system', 'no-file-system', 'no-file-system', 'name-escapes'])
  })
})
