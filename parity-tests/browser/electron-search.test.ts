import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Browser } from 'playwright-core'
import { launchChromium } from '../../tools/browser/chromium'
import { MODEL } from './samples'

const example = (name: string) => resolve(import.meta.dirname, '../../examples/electron', name)
type Listener = (event: unknown, ...given: unknown[]) => Promise<unknown>
interface Searches {
  answerSearches(ipc: object, options: object): { close(): Promise<void> }
}

let folder: string
let browser: Browser
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-electron-'))
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

// Electron's package downloads its binary from elsewhere: here are its page, its preload script and the main process's
// answers, in Chromium and Node, with Electron's channels between them alone made here.
it("the example of Electron: its page asks, the main process's part answers", async () => {
  const { answerSearches } = (await import(pathToFileURL(example('searches.mjs')).href)) as Searches
  const page = await browser.newPage({ viewport: { width: 900, height: 700 } })
  const errors: string[] = []
  page.on('pageerror', ({ message }) => errors.push(message))
  const channels = new Map<string, Listener>()
  const searches = answerSearches(
    { handle: (channel: string, listener: Listener) => channels.set(channel, listener) },
    {
      model: MODEL,
      index: join(folder, 'index'),
      chooseFolder: () => Promise.resolve(join(MODEL, 'samples')),
      onProgress: (progress: object) => void page.evaluate(`progress(null, ${JSON.stringify(progress)})`),
    },
  )
  await page.exposeFunction('invoke', (channel: string, ...given: unknown[]) => channels.get(channel)!({}, ...given))
  const preload = await readFile(example('preload.cjs'), 'utf8')
  await page.addInitScript(`{
    const electron = {
      contextBridge: { exposeInMainWorld: (name, api) => (window[name] = api) },
      ipcRenderer: { invoke: window.invoke, on: (channel, listener) => (window[channel] = listener) },
    }
    const require = () => electron
    ${preload}
  }`)
  await page.goto(pathToFileURL(example('page.html')).href)
  await page.getByRole('button', { name: 'Add a folder' }).click()
  await page.getByText('12 added, 0 were there, 0 are gone').waitFor()
  const text = page.getByPlaceholder('a red bird')
  for (const [words, name] of [
    ['a slice of pizza', 'pizza.png'],
    ['an airplane', 'airplane.png'],
  ]) {
    await text.fill(words!)
    await text.press('Enter')
    const first = page.locator('#hits img').first()
    await expect.poll(() => first.getAttribute('src')).toMatch(new RegExp(`/${name}$`))
    await expect.poll(() => first.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)
  }
  await searches.close()
  expect(errors).toEqual([])
})
