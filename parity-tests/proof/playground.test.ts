import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { topK, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { unzipSync } from 'fflate'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MODELS } from '../../docs/.vitepress/playground/shipped'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { MODEL as DRAWINGS } from '../browser/samples'
import { type BuiltSite, buildSite, faultsOf } from './built-site'
import { record } from './record'

const ROOT = resolve(import.meta.dirname, '../..')
const MODEL = resolve(ROOT, MODELS.pictures.folder)
const photograph = (name: string) => resolve(ROOT, `tools/demo/pictures/${name}.jpg`)
const PICTURE = photograph('coffee')
const COMPARED = ['a cat', 'a cup of coffee', 'galaxies']
const DRAWN = join(DRAWINGS, 'samples/pizza.png')

/** A Python with what tools/reference/requirements.txt lists. */
const PYTHON = process.env['PYTHON'] ?? 'python3'
const LABEL = `
import json, sys, torch, transformers
from PIL import Image
from transformers import VisionTextDualEncoderModel, VisionTextDualEncoderProcessor
folder, words, pictures = sys.argv[1], *map(json.loads, sys.argv[2:])
model, report = VisionTextDualEncoderModel.from_pretrained(folder, output_loading_info=True)
processor = VisionTextDualEncoderProcessor.from_pretrained(folder)
images = [Image.open(picture).convert("RGB") for picture in pictures]
with torch.no_grad(): logits = model.eval()(**processor(text=words, images=images, padding=True, return_tensors="pt")).logits_per_image
keys = sorted([*report["missing_keys"], *report["unexpected_keys"]])
print(json.dumps(dict(shares=logits.softmax(-1).tolist(), keys=keys, transformers=transformers.__version__)))
`

/** The first page and the playground, as `npm run docs` builds them, on a server that sets no headers. */
let site: BuiltSite
let server: Server
let browser: Browser
let context: BrowserContext
let page: Page
const problems: string[] = []
const elsewhere: string[] = []
const measured: Record<string, unknown> = {}

beforeAll(async () => {
  ;[browser, site] = await Promise.all([
    launchChromium({ webgpu: true, camera: true }),
    buildSite(['index', 'playground']),
  ])
  server = await serve({ '/': site.folder })
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
  await site?.[Symbol.asyncDispose]()
})

/** Shaders are compiled by the processor here, which takes long where others work. */
const ready = (on = page) => on.getByTestId('status').filter({ hasText: 'Ready' }).waitFor({ timeout: 240_000 })
const tab = (name: string) => page.getByRole('tab', { name }).click()
/** Of the same checkpoint, or of one in memory: shares of a picture's words, and cosines. */
async function inNode(text: string[], picture: string, source: string | File[] = MODEL) {
  await using model = await VisionTextDualEncoderModel.fromPretrained(source)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(source)
  const { logitsPerImage, imageEmbeds, textEmbeds } = await model.forward(
    await processor({ text, images: [picture], padding: true }),
  )
  const cosines = topK(textEmbeds, imageEmbeds, 1).map(([best]) => best!.score)
  return { shares: [...processor.postProcess({ logitsPerImage }).data], cosines }
}
/** The words of the bars, best first, and their shares. */
const bars = async () =>
  (await page.locator('.pg-bars li').allInnerTexts()).map((text) => text.split('\n').slice(0, 2) as [string, string])
const best = (word: string) => page.locator('.pg-bars li.best', { hasText: word }).waitFor()
const choose = (picture: string) =>
  page.locator('.pg-thumb', { has: page.getByAltText(picture, { exact: true }) }).click()
const select = (name: string) => page.getByRole('combobox', { name })
const sentence = (word: string) => MODELS.pictures.template.replace('{}', word)
const words = () => page.getByLabel('Words, with commas between them')

it('has threads on a server that sets no headers', async () => {
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  // TensorFlow.js has one for each processor; ONNX Runtime, which runs now, one for every two.
  await select('Engine').selectOption('tfjs')
  await page
    .getByTestId('status')
    .filter({ hasText: /Ready.* \d threads/ })
    .waitFor()
  await select('Engine').selectOption('onnx-wasm')
  await ready()
})

it('labels a picture as Node does, live', async () => {
  const labels = ['a cup of coffee', 'a cat', 'an astronaut']
  await words().fill(labels.join(', '))
  await choose('a cup of coffee')
  await best('a cup of coffee')
  const { shares } = await inNode(labels.map(sentence), PICTURE)
  const shown = new Map(await bars())
  for (const [i, label] of labels.entries())
    expect(Math.abs(parseFloat(shown.get(label)!) - 100 * shares[i]!), label).toBeLessThan(0.51)
  await words().fill('a cup of coffee, a cat')
  await choose('a cat')
  await best('a cat')
  await page.getByLabel('Each as a sentence').fill('a drawing of {}')
  await best('a cat')
  await page.getByLabel('Each as a sentence').fill(MODELS.pictures.template)
})

it('takes pictures that are chosen or dropped, names what is none, and lets go of them', async () => {
  const before = await page.locator('.pg-thumb').count()
  await page.getByLabel('Picture files').setInputFiles(PICTURE)
  await page.getByAltText('coffee.jpg').first().waitFor()
  const bytes = [...(await readFile(join(DRAWINGS, 'samples/guitar.png')))]
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
  const query = 'a hot drink for the morning'
  await page.getByLabel('What are you looking for?').fill(query)
  await page.locator('.pg-hits li').first().waitFor()
  const found = page.locator('.pg-hits li', { hasText: 'a cup of coffee' })
  const [cosine] = (await inNode([query], PICTURE)).cosines
  await expect
    .poll(async () => Math.abs(Number(/-?\d\.\d+/.exec(await found.innerText())) - cosine!), { timeout: 60_000 })
    .toBeLessThan(6e-4)
  const scores = (await page.locator('.pg-hits li').allInnerTexts()).map((text) => Number(/-?\d\.\d+/.exec(text)))
  expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  expect(scores.length).toBe(await page.locator('.pg-thumb').count())
  await page.getByLabel('What are you looking for?').fill('a cat')
  await page.locator('.pg-hits li:first-child', { hasText: 'a cat' }).waitFor()
})

it('goes from tab to tab, shows what speaks for a word, and attention from layer to layer, by keyboard', async () => {
  await tab('Label')
  await words().fill('a cup of coffee, a cat')
  await choose('a cup of coffee')
  await tab('Search')
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
  await expect
    .poll(() => canvas.evaluate((element) => (element as HTMLCanvasElement).width), { timeout: 60_000 })
    .toBe(640)
  await isNew()
  const { cosines } = await inNode(['a cup of coffee', 'a cat'].map(sentence), PICTURE)
  for (const [i, word] of ['a cup of coffee', 'a cat'].entries()) {
    await select('Word').selectOption(word)
    const shown = await page.getByText(`Cosine with “${word}”`).locator('b').innerText()
    expect(Math.abs(Number(shown) - cosines[i]!), word).toBeLessThan(6e-4)
  }
  await isNew()

  await page.getByRole('button', { name: /^See attention/ }).click()
  await page.getByLabel(/^Layer 4 of 4/).waitFor()
  await isNew()
  await page.getByLabel(/^Layer 4 of 4/).press('ArrowLeft')
  await page.getByLabel(/^Layer 3 of 4/).waitFor()
  await isNew()
  await page.getByLabel('Head').selectOption('head 2')
  await isNew()
  await select('Model').selectOption('pictures')
  await ready()
  await select('Word').waitFor()
  await page.getByRole('tab', { name: 'Look inside' }).focus()
  await page.keyboard.press('Home')
  expect(await page.getByRole('tab', { name: 'Label', selected: true }).count()).toBe(1)
})

it('answers alike on every engine, and in int8', async () => {
  await words().fill('a cup of coffee, a cat')
  await choose('a cat')
  for (const engine of ['tfjs', 'webgpu', 'onnx-webgpu', 'onnx-wasm']) {
    await select('Engine').selectOption(engine)
    await ready()
    await best('a cat')
  }
  await select('Computes in').selectOption('int8')
  await page.getByTestId('status').filter({ hasText: 'weights, int8' }).waitFor()
  await best('a cat')
  await select('Engine').selectOption('tfjs')
  await page.getByTestId('status').filter({ hasText: 'weights, float32' }).waitFor()
  await select('Engine').selectOption('onnx-wasm')
  await ready()
  // A picture takes a graphics card that the processor plays ten seconds: three of the dozen will do.
  const names = await page
    .locator('.pg-thumb img')
    .evaluateAll((images) => images.map((image) => image.getAttribute('alt')!))
  for (const name of names.filter((name) => !COMPARED.includes(name)))
    await page.getByRole('button', { name: `Remove ${name}`, exact: true }).click()
  await tab('Compare')
  await page.getByRole('button', { name: 'Compare the engines' }).click()
  await expect.poll(() => page.locator('.pg-table tbody tr').count(), { timeout: 400_000 }).toBe(5)
  const rows = await page
    .locator('.pg-table tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent!.trim())))
  measured.compared = rows.map(([engine, computesIn, readyAfter, picture, difference, sameBestWord]) => ({
    ...{ engine, computesIn, readyAfter, picture, difference, sameBestWord },
  }))
  for (const [engine, computesIn, , , difference, agree] of rows.slice(1)) {
    expect(Number(difference), engine).toBeGreaterThan(0)
    expect(Number(difference), engine).toBeLessThan(computesIn === 'int8' ? 1 : 1e-3)
    expect(agree, engine).toBe('3 of 3')
  }
})

it('tunes the model, and gives a checkpoint that loads', async () => {
  await tab('Train')
  await page.getByRole('button', { name: /Take an example/ }).click()
  await page.getByLabel('Label of galaxies').waitFor()
  await expect.poll(() => page.getByLabel('Label of galaxies').inputValue(), { timeout: 30_000 }).toBe('photograph')
  await page.getByLabel('What learns').selectOption('words')
  await page.getByLabel('Learning rate').selectOption('0.0003')
  await page.getByLabel('Times through').fill('200')
  await page.getByRole('button', { name: 'Tune the model' }).click()
  await page.getByText(/^Step \d+ of 400/).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByRole('alert').filter({ hasText: 'Stopped.' }).waitFor()
  await page.getByLabel('What learns').selectOption('projections')
  await page.getByLabel('Times through').fill('8')
  await page.getByRole('button', { name: 'Tune the model' }).click()
  const scores = page.locator('.pg-scores b')
  await scores.first().waitFor()
  const [before, after] = (await scores.allInnerTexts()).map(parseFloat)
  expect(after).toBeGreaterThan(before!)
  expect(await page.locator('.pg-curve circle').count()).toBe(9)
  measured.trained = (await page.locator('.pg-result p').allInnerTexts()).slice(0, 2).join(' ').replace(/\s+/g, ' ')

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the checkpoint' }).click(),
  ])
  const files = Object.entries(unzipSync(await readFile(await download.path()))).map(
    ([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name),
  )
  const labels = ['drawing', 'photograph']
  const share = (await inNode(labels.map(sentence), PICTURE, files)).shares[1]!

  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-tuned-'))
  await Promise.all(
    files.map(async (file) => writeFile(join(folder, file.name), new Uint8Array(await file.arrayBuffer()))),
  )
  const given = [folder, JSON.stringify(labels.map(sentence)), JSON.stringify([PICTURE, DRAWN])]
  const { stdout } = await promisify(execFile)(PYTHON, ['-c', LABEL, ...given], {
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  })
  await rm(folder, { recursive: true })
  const python = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    shares: number[][]
    keys: string[]
    transformers: string
  }
  expect(python.keys).toEqual([])
  expect(Math.abs(python.shares[0]![1]! - share)).toBeLessThan(1e-3)
  const inPercent = (value: number) => `${(100 * value).toFixed(1)}%`
  measured.python = `transformers ${python.transformers} loads the zip that the page gives: coffee.jpg is ${inPercent(python.shares[0]![1]!)} photograph (${inPercent(share)} here), pizza.png ${inPercent(python.shares[1]![0]!)} drawing`

  await page.getByRole('button', { name: 'Use it in this page' }).click()
  await page.getByText('Your tuned model').waitFor()
  await ready()
  await tab('Label')
  await words().fill(labels.join(', '))
  await choose('a cup of coffee')
  await expect
    .poll(async () => Math.abs(parseFloat(new Map(await bars()).get('photograph') ?? '') - 100 * share), {
      timeout: 60_000,
    })
    .toBeLessThan(0.51)
  await page.getByRole('button', { name: 'Back to the one that came with the page' }).click()
  await page.locator('.pg-about', { hasText: 'model-pictures' }).waitFor()
  await ready()
})

it('has nothing that axe complains about, on a phone and a desk, light and dark', async () => {
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
        found.push(...(await faultsOf(page)).map((fault) => `${name} ${width} ${colorScheme}: ${fault}`))
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
  const fetched = server.served.filter(({ path, status }) => path.endsWith('/model.safetensors') && status === 200)
  // Each model once, though a worker reads it and the service worker keeps it.
  expect(fetched.map(({ path }) => path.split('/').at(-2)!.split('.')[0]).sort()).toEqual([
    'emoji-vit-bert',
    'model-pictures',
  ])
  await server.close()
  await page.reload()
  await ready()
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  await words().fill('a cup of coffee, a cat')
  await choose('a cat')
  await best('a cat')
  await select('Engine').selectOption('tfjs')
  await ready()
  await best('a cat')
  await select('Model').selectOption('emoji')
  await ready()
  await page.goto(`${server.url}/`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByRole('button', { name: /^Run it in this page/ }).click()
  await page.getByText(/^Computed in this page/).waitFor()
})

it('is written down', async () => {
  expect(Object.keys(measured)).toEqual(['compared', 'trained', 'python'])
  await record('playground', {
    what: 'The playground in Chromium (parity-tests/proof/playground.test.ts): three photographs and two words, WebGPU on SwiftShader; largest difference of any logit from the first row.',
    ...measured,
  })
})
