import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Browser } from 'playwright-core'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { BUNDLERS } from './bundle'
import { MODEL } from './samples'

let folder: string
let server: Server
let browser: Browser
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-react-'))
  await BUNDLERS.Vite!(resolve(import.meta.dirname, '../../examples/react-search'), folder)
  server = await serve({ '/': folder, '/model': MODEL })
  browser = await launchChromium()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

it('the example of Vite and React takes pictures and finds them by words', async () => {
  const page = await browser.newPage({ viewport: { width: 900, height: 640 } })
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  await page.goto(server.url)
  const samples = join(MODEL, 'samples')
  const files = (await readdir(samples)).map((name) => join(samples, name))
  await page.getByLabel('Pictures').setInputFiles(files)
  await page.getByText('12 pictures').waitFor()
  for (const [text, name] of [
    ['a slice of pizza', 'pizza.png'],
    ['an airplane', 'airplane.png'],
  ]) {
    await page.getByLabel('What to look for').fill(text!)
    await expect.poll(() => page.locator('li img').first().getAttribute('alt')).toBe(name)
  }
  await page.getByLabel('What to look for').fill('')
  await expect.poll(() => page.locator('li').count()).toBe(0)
  expect(errors).toEqual([])
})
