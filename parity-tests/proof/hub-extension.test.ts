import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { type BrowserContext, chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { bundledPage } from '../../tools/browser/bundled-page'
import { FakeHub } from '../../tools/hub/fake-hub'
import type { Embedded, EmbedRequest } from '../src/checkpoint/embed-page'
import { record } from './record'

/** A whole Chromium: the npm package's is a headless shell, which has no extensions. `apt-get install chromium`. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const MODEL = fileURLToPath(new URL('../models/emoji-vit-bert', import.meta.url))
const WASM = 'ort-wasm-simd-threaded.wasm'
const TEXT = ['a cat', 'a red apple']

/** An extension as a shop takes it: all code and wasm in the package, and no more rights than its own policy gives. */
async function extension(folder: string, program: string, hub: FakeHub): Promise<void> {
  await mkdir(folder)
  await cp(program, join(folder, 'page.js'))
  await cp(
    fileURLToPath(new URL(`../../node_modules/onnxruntime-web/dist/${WASM}`, import.meta.url)),
    join(folder, WASM),
  )
  await writeFile(join(folder, 'popup.html'), '<!doctype html><script type="module" src="page.js"></script>')
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${hub.url} ${hub.cdn}`
  const manifest = {
    manifest_version: 3,
    name: 'dual-encoder',
    version: '1',
    background: { service_worker: 'page.js', type: 'module' },
    action: { default_popup: 'popup.html' },
    content_security_policy: { extension_pages: policy },
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
}

async function inNode(picture: Buffer): Promise<Pick<Embedded, 'text' | 'image'>> {
  await using model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
  const processor = await VisionTextDualEncoderProcessor.fromPretrained(MODEL)
  const inputs = await processor({ text: TEXT, images: [picture, picture, picture] })
  const { textEmbeds, imageEmbeds } = await model.forward(inputs)
  return { text: [...textEmbeds.data].map(Number), image: [...imageEmbeds.data].map(Number) }
}

const far = (a: Embedded, b: Pick<Embedded, 'text' | 'image'>) =>
  Math.max(...(['text', 'image'] as const).flatMap((kind) => b[kind].map((value, i) => Math.abs(value - a[kind][i]!))))

it("an extension's service worker and its page embed with a model of the hub, and offline after the browser has ended", async () => {
  if (!existsSync(CHROMIUM))
    throw new Error(`There is no ${CHROMIUM}: apt-get install chromium, or name it in CHROMIUM.`)
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-extension-'))
  const hub = await FakeHub.start()
  const endpoint = hub.url
  await hub.publish('org/emoji', MODEL)
  const bundled = await bundledPage(new URL('../src/checkpoint/embed-page.ts', import.meta.url), {})
  const [packed, profile] = [join(folder, 'extension'), join(folder, 'profile')]
  await extension(packed, join(bundled.folder, 'page.js'), hub)
  await bundled.close()
  const picture = await readFile(`${MODEL}/samples/dog-face.png`)
  const expected = await inNode(picture)
  const found: Record<string, number> = {}
  let version = ''

  /** Both places of one start of the browser. */
  async function visit(name: string, given: Partial<EmbedRequest>): Promise<void> {
    const context: BrowserContext = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      headless: false,
      args: ['--headless=new', '--no-sandbox', `--disable-extensions-except=${packed}`, `--load-extension=${packed}`],
    })
    try {
      version = context.browser()?.version() ?? ''
      const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'))
      const home = new URL('.', worker.url()).href
      const page = await context.newPage()
      const problems: string[] = []
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
      await page.goto(`${home}popup.html`)
      const request = { endpoint, wasm: home + WASM, text: TEXT, picture: [...picture], ...given }
      type Here = { embed(request: EmbedRequest): Promise<Embedded> }
      const inWorker = await worker.evaluate((request) => (globalThis as unknown as Here).embed(request), request)
      const inPage = await page.evaluate((request) => (globalThis as unknown as Here).embed(request), request)
      expect(inWorker).toMatchObject({ where: 'ServiceWorkerGlobalScope', cached: ['org/emoji'] })
      expect(inPage).toMatchObject({ where: 'Window', cached: ['org/emoji'] })
      found[`${name}, service worker`] = far(inWorker, expected)
      found[`${name}, page`] = far(inPage, expected)
      expect(problems.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([])
    } finally {
      await context.close()
    }
  }

  await visit('from the hub', {})
  const fetched = hub.requests.filter(({ sent, method }) => sent > 0 && method === 'GET').map(({ path }) => path)
  hub.requests.length = 0
  await visit('offline', { localFilesOnly: true })
  const askedOffline = hub.requests.length
  await hub.close()
  await visit('without a network', {})
  await rm(folder, { recursive: true, force: true })
  await record('hub-extension', {
    what: "A Manifest V3 extension with the policy script-src 'self' 'wasm-unsafe-eval' loads a model by its name and embeds: largest difference from Node.",
    chromium: version,
    differences: found,
    requestsWhileOffline: askedOffline,
  })
  // The page found in the cache what the service worker had put there.
  expect(new Set(fetched).size).toBe(fetched.length)
  expect(askedOffline).toBe(0)
  expect(Object.keys(found)).toHaveLength(6)
  for (const difference of Object.values(found)) expect(difference).toBeLessThan(1e-5)
})
