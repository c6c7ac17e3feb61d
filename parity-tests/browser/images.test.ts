import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createImageProcessor } from '@dual-encoder/core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve } from '../../tools/browser/server'
import { BUNDLERS, withEsbuild } from './bundle'

const APP = resolve(import.meta.dirname, 'images-app')
const FILES = resolve(import.meta.dirname, '../fixtures/images/files')
const CONFIG = { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 20 }, crop_size: 16 }
const NAMES = ['c2d8.png', 'truncated.jpg', 'c6d8.png', 'exif6.jpg']
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:"

interface Result {
  readonly values: number[]
  readonly errors: [number, string][]
}

describe.each(Object.entries({ ...BUNDLERS, esbuild: withEsbuild }))(
  'pictures in a page built with %s',
  (_, bundle) => {
    let folder: string
    let browser: Browser
    let wanted: Result

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'dual-encoder-images-'))
      await bundle(APP, folder)
      browser = await launchChromium()
      const images = NAMES.map((name) => join(FILES, name))
      const { pixelValues, errors = [] } = await createImageProcessor(CONFIG)(images, { onError: 'skip' })
      wanted = {
        values: Array.from(pixelValues.data as Float32Array),
        errors: errors.map(({ index, error }) => [index, error.code]),
      }
    })
    afterAll(async () => {
      await browser?.close()
      await rm(folder, { recursive: true, force: true })
    })

    it.each([
      ['are prepared by workers, and are the same as in Node', CSP, true],
      ['are the same without workers', CSP.replace('blob:', "'self'"), false],
    ])('%s', async (_, csp, haveWorkers) => {
      expect(wanted.errors).toEqual([[1, 'image-corrupt']])
      await using server = await serve({ '/': folder, '/files': FILES }, { csp })
      const page = await browser.newPage()
      await page.goto(server.url)
      const result = await page.evaluate(
        ([config, urls]) =>
          (globalThis as unknown as { prepare(...args: unknown[]): Promise<Result> }).prepare(config, urls),
        [CONFIG, NAMES.map((name) => `/files/${name}`)] as const,
      )
      expect(result).toEqual(wanted)
      expect(page.workers().length > 0).toBe(haveWorkers)
      await page.close()
    })
  },
)
