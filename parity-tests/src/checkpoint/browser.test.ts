import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { launchChromium } from '../../../tools/browser/chromium'
import { serve, type Server } from '../../../tools/browser/server'
import type { Checks } from './browser-page'

const MODEL = fileURLToPath(new URL('../../models/emoji-vit-bert', import.meta.url))
const TIMEOUT = 180_000

describe('checkpoints in headless Chromium', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))
    await build({
      entryPoints: [fileURLToPath(new URL('browser-page.ts', import.meta.url))],
      outfile: join(folder, 'page.js'),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['@dual-encoder/source'],
    })
    await writeFile(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>')
    server = await serve({ '/': folder, '/model': MODEL })
    browser = await launchChromium()
    page = await browser.newPage()
    await page.goto(`${server.url}/index.html`)
  }, TIMEOUT)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('saves into a FileSystemDirectoryHandle, over itself, in shards and back', { timeout: TIMEOUT }, async () => {
    const saved = await page.evaluate(
      (model) => (globalThis as unknown as { checks: Checks }).checks.saves(model),
      `${server.url}/model`,
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
