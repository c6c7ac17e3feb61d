import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import axe from 'axe-core'
import { unzipSync } from 'fflate'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { loadSamples, MODEL } from '../browser/samples'

const ROOT = resolve(import.meta.dirname, '../..')
const PICTURE = resolve(ROOT, 'tools/demo/pictures/coffee.jpg')

/** The first page and the playground, as `npm run docs` builds them, on a server that sets no headers. */
let folder: string
let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
const problems: string[] = []
const elsewhere: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dual-encoder-site-'))
  const built = promisify(execFile)(
    process.execPath,
    [join(ROOT, 'node_modules/vitepress/bin/vitepress.js'), 'build', 'docs'],
    {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'production', DOCS_PAGES: 'index,playground', DOCS_OUT: folder },
    },
  )
  ;[browser] = await Promise.all([launchChromium({ webgpu: true, camera: true }), built])
  server = await serve({ '/': folder })
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['camera'] })
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (/^http/.test(protocol) && origin !== server.url) elsewhere.push(request.url())
  })
  context.setDefaultTimeout(60_000)
  page = await context.newPage()
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(`${server.url}/playground.html`)
  await ready()
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

const ready = (on = page) => on.getByTestId('status').filter({ hasText: 'Ready' }).waitFor()
const tab = (name: string) => page.getByRole('tab', { name }).click()
/** The words of the bars, best first, and their shares. */
const bars = async () =>
  (await page.locator('.pg-bars li').allInnerTexts()).map((text) => text.split('\n').slice(0, 2) as [string, string])
const best = (word: string) => page.locator('.pg-bars li.best', { hasText: word }).waitFor()
const choose = (picture: string) =>
  page.locator('.pg-thumb', { has: page.getByAltText(picture, { exact: true }) }).click()
const words = () => page.getByLabel('Words, with commas between them')

it('has threads on a server that sets no headers', async () => {
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  // TensorFlow.js has one for each processor; ONNX Runtime, which runs now, one for every two.
  await page.getByRole('combobox', { name: 'Engine' }).selectOption('tfjs')
  await page
    .getByTestId('status')
    .filter({ hasText: /Ready.* \d threads/ })
    .waitFor()
  await page.getByRole('combobox', { name: 'Engine' }).selectOption('onnx-wasm')
  await ready()
})

it('labels a picture as Node does, live', async () => {
  const { images, processor } = await loadSamples()
  const labels = ['a slice of pizza', 'snowman', 'dog face']
  await words().fill(labels.join(', '))
  await choose('pizza')
  await best('a slice of pizza')
  const model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
  const at = images.findIndex((name) => name.endsWith('pizza.png'))
  const { logitsPerImage } = await model.forward(await processor({ text: labels, images: [images[at]!] }))
  await model.dispose()
  const shares = [...processor.postProcess({ logitsPerImage }).data]
  const shown = new Map(await bars())
  for (const [i, label] of labels.entries())
    expect(Math.abs(parseFloat(shown.get(label)!) - 100 * shares[i]!), label).toBeLessThan(0.51)
  await words().fill('snowman, dog face')
  await choose('snowman')
  await best('snowman')
  await page.getByLabel('Each as a sentence').fill('a drawing of a {}')
  await best('snowman')
  await page.getByLabel('Each as a sentence').fill('{}')
})

it('takes pictures that are chosen or dropped, names what is none, and lets go of them', async () => {
  const before = await page.locator('.pg-thumb').count()
  await page.getByLabel('Picture files').setInputFiles(PICTURE)
  await page.getByAltText('coffee.jpg').first().waitFor()
  const bytes = [...(await readFile(join(MODEL, 'samples/guitar.png')))]
  await page.evaluate((bytes) => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([new Uint8Array(bytes)], 'dropped.png', { type: 'image/png' }))
    document.querySelector('.playground')!.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }))
  }, bytes)
  await page.getByAltText('dropped.png').first().waitFor()
  expect(await page.locator('.pg-thumb').count()).toBe(before + 2)
  await page.getByLabel('Picture files').setInputFiles({
    name: 'broken.png',
    mimeType: 'image/png',
    buffer: Buffer.from('no picture'),
  })
  expect(await page.getByRole('alert').textContent()).toMatch(/picture|image/i)
  expect(await page.getByRole('alert').getByRole('link').getAttribute('href')).toMatch(/errors\.html#image-/)
  for (const name of ['coffee.jpg', 'dropped.png']) await page.getByRole('button', { name: `Remove ${name}` }).click()
  expect(await page.locator('.pg-thumb').count()).toBe(before)
})

it('follows the camera, and takes its picture', async () => {
  await page.getByRole('button', { name: 'Camera', exact: true }).click()
  await page.locator('.pg-camera-best li').first().waitFor()
  await page.getByRole('button', { name: 'Take this picture' }).click()
  await page
    .getByAltText(/^camera .*png$/)
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'Camera', exact: true }).click()
  expect(await page.locator('video').count()).toBe(0)
  await page.getByRole('button', { name: /^Remove camera/ }).click()
})

it('searches the pictures', async () => {
  await tab('Search')
  await page.getByLabel('What are you looking for?').fill('a slice of pizza')
  await page.locator('.pg-hits li:first-child', { hasText: 'pizza' }).waitFor()
  await page.getByLabel('What are you looking for?').fill('a dog')
  await page.locator('.pg-hits li:first-child', { hasText: 'dog face' }).waitFor()
})

it('goes from tab to tab, and from layer to layer, by keyboard', async () => {
  await page.getByRole('tab', { name: 'Search' }).focus()
  await page.keyboard.press('ArrowRight')
  const canvas = page.locator('canvas[role=img]')
  await canvas.waitFor()
  const painted = () =>
    canvas.evaluate((element) => {
      const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, 640, 640)
      return data.reduce((sum, value, i) => (sum * 31 + value * (i % 7)) % 1000003, 0)
    })
  const seen = new Set<number>()
  const isNew = async () => {
    await expect.poll(async () => !seen.has(await painted()), { timeout: 10_000 }).toBe(true)
    seen.add(await painted())
  }
  await expect.poll(() => canvas.evaluate((element) => (element as HTMLCanvasElement).width)).toBe(640)
  await isNew()
  await page.getByLabel(/^Layer 4 of 4/).press('ArrowLeft')
  await page.getByLabel(/^Layer 3 of 4/).waitFor()
  await isNew()
  await page.getByLabel('Head').selectOption('head 2')
  await isNew()
  await page.getByRole('tab', { name: 'Look inside' }).focus()
  await page.keyboard.press('Home')
  expect(await page.getByRole('tab', { name: 'Label', selected: true }).count()).toBe(1)
})

it('answers alike on every engine, and with int8 weights', async () => {
  await words().fill('snowman, dog face')
  await choose('snowman')
  for (const engine of ['tfjs', 'webgpu', 'onnx-webgpu', 'onnx-wasm']) {
    await page.getByRole('combobox', { name: 'Engine' }).selectOption(engine)
    await ready()
    await best('snowman')
  }
  await page.getByRole('combobox', { name: 'Weights' }).selectOption('int8')
  await page.getByTestId('status').filter({ hasText: 'Ready: 2.' }).waitFor()
  await best('snowman')
  await page.getByRole('combobox', { name: 'Weights' }).selectOption('float32')
  await ready()
  await tab('Compare')
  await page.getByRole('button', { name: 'Compare the engines' }).click()
  await expect.poll(() => page.locator('.pg-table tbody tr').count(), { timeout: 300_000 }).toBe(5)
  const rows = await page
    .locator('.pg-table tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent!.trim())))
  for (const [engine, weights, , , difference, agree] of rows.slice(1)) {
    expect(Number(difference), engine).toBeGreaterThan(0)
    expect(Number(difference), engine).toBeLessThan(/^int8/.test(weights!) ? 2 : 1e-3)
    expect(agree, engine).toMatch(/^(1[12]) of 12$/)
  }
})

it('tunes the model, and gives a checkpoint that loads', async () => {
  await tab('Train')
  await page.getByRole('button', { name: /Take an example/ }).click()
  await page.getByLabel('Label of galaxies').waitFor()
  await expect.poll(() => page.getByLabel('Label of galaxies').inputValue()).toBe('photograph')
  await page.getByLabel('What learns').selectOption('projections')
  await page.getByLabel('What learns').selectOption('everything')
  await page.getByLabel('Learning rate').selectOption('0.0003')
  await page.getByLabel('Times through').fill('200')
  await page.getByRole('button', { name: 'Tune the model' }).click()
  await page.getByText(/^Step \d+ of 400/).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('alert').filter({ hasText: 'Stopped.' }).waitFor()
  await page.getByLabel('Times through').fill('8')
  await page.getByRole('button', { name: 'Tune the model' }).click()
  const scores = page.locator('.pg-scores b')
  await scores.first().waitFor()
  const [before, after] = (await scores.allInnerTexts()).map(parseFloat)
  expect(after).toBeGreaterThan(before!)
  expect(await page.locator('.pg-curve circle').count()).toBe(9)

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the checkpoint' }).click(),
  ])
  const files = Object.entries(unzipSync(await readFile(await download.path()))).map(
    ([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name),
  )
  const [model, processor] = await Promise.all([
    VisionTextDualEncoderModel.fromPretrained(files),
    VisionTextDualEncoderProcessor.fromPretrained(files),
  ])
  const labels = ['drawing', 'photograph']
  const { logitsPerImage } = await model.forward(await processor({ text: labels, images: [PICTURE] }))
  await model.dispose()
  const share = processor.postProcess({ logitsPerImage }).data[1]!

  await page.getByRole('button', { name: 'Use it in this page' }).click()
  await page.getByText('Your tuned model').waitFor()
  await ready()
  await tab('Label')
  await words().fill(labels.join(', '))
  await choose('a cup of coffee')
  await expect
    .poll(async () => Math.abs(parseFloat(new Map(await bars()).get('photograph') ?? '') - 100 * share))
    .toBeLessThan(0.51)
  await page.getByRole('button', { name: 'Back to the one that came with the page' }).click()
  await page.getByText('emoji-vit-bert').waitFor()
  await ready()
})

it('has nothing that axe complains about, on a phone and a desk, light and dark', async () => {
  await page.evaluate(axe.source)
  const found: string[] = []
  for (const [width, height] of [
    [390, 844],
    [1280, 900],
  ] as const)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.waitForFunction(
        (wanted) => document.documentElement.classList.contains('dark') === wanted,
        colorScheme === 'dark',
      )
      for (const name of ['Search', 'Look inside', 'Compare', 'Train', 'Label']) {
        await tab(name)
        const folder = process.env['PLAYGROUND_SCREENSHOTS']
        if (folder) await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true })
        const violations = await page.evaluate(async () => {
          const { axe } = globalThis as unknown as {
            axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
          }
          return (await axe.run()).violations.map(
            ({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`,
          )
        })
        found.push(...violations.map((violation) => `${name} ${width} ${colorScheme}: ${violation}`))
        const wide = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        )
        if (wide > 0) found.push(`${name} ${width}: the page is ${wide} pixels too wide`)
      }
    }
  expect(found).toEqual([])
})

it('has asked nothing of another origin, and its policy would not let it', async () => {
  expect(elsewhere).toEqual([])
  expect(problems).toEqual([])
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content')
  const documented = await readFile(join(ROOT, 'docs/browsers.md'), 'utf8')
  for (const part of policy!.replace(/ 'sha256-[^']+'/g, '').split('; ')) expect(documented).toContain(part)
  const refused = await page.evaluate(async () => {
    const answer = (url: string) =>
      fetch(url).then(
        () => 'answered',
        (error: Error) => error.name,
      )
    const script = Object.assign(document.createElement('script'), { textContent: 'globalThis.ran = true' })
    document.head.append(script)
    return [await answer('http://localhost:9/'), 'ran' in globalThis]
  })
  expect(refused).toEqual(['TypeError', false])
})

it('opens without a network, after the first visit', async () => {
  await page.getByTestId('offline').filter({ hasText: 'Works offline' }).waitFor()
  await server.close()
  await page.reload()
  await ready()
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await words().fill('snowman, dog face')
  await choose('snowman')
  await best('snowman')
  await page.getByRole('combobox', { name: 'Engine' }).selectOption('tfjs')
  await ready()
  await best('snowman')
  await page.goto(`${server.url}/`)
  await page.getByRole('heading', { level: 1 }).waitFor()
})
