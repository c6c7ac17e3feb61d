import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { convert, readSafetensors } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { BUNDLERS, scriptsIn, withEsbuild } from './bundle'
import { largest } from './largest'
import { loadSamples, MODEL } from './samples'

/** onnxruntime-web's own files. */
const ENGINE = resolve(import.meta.dirname, '../../node_modules/onnxruntime-web/dist')
const APP = resolve(import.meta.dirname, 'onnx-app')
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:"

interface Result {
  readonly logits: number[]
  readonly embeds: number[]
  readonly features: number[]
  readonly providers: { vision: string[]; text: string[] }
}
interface Given {
  readonly images?: readonly string[]
  readonly labels: readonly string[]
  readonly executionProviders?: readonly string[]
  readonly threads?: number
  readonly wasmPaths?: string
  readonly dtype?: 'float32' | 'int8' | 'int8-fast'
}

/** Runs the app's `globalThis.run`. */
const run = (page: Page, name: 'classify' | 'textFeatures', given: Given, where: 'page' | 'worker' = 'page') =>
  page.evaluate((args) => (globalThis as unknown as { run(...args: unknown[]): Promise<Result> }).run(...args), [
    name,
    given,
    where,
  ] as const)

/** Softmax over each picture's labels. */
function probabilities(logits: ArrayLike<number>, count = 12): number[] {
  const values = Array.from(logits)
  return values.map((value, i) => {
    const row = values.slice(i - (i % count), i - (i % count) + count)
    return 1 / row.reduce((sum, other) => sum + Math.exp(other - value), 0)
  })
}

let browser: Browser
let given: { images: string[]; labels: string[] }
let inNode: { logits: Float32Array; embeds: Float32Array }

beforeAll(async () => {
  browser = await launchChromium()
  const { images, processor, ...samples } = await loadSamples()
  given = samples.given
  await using model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
  const output = await model.forward(await processor({ text: given.labels, images }))
  inNode = { logits: output.logitsPerImage.data as Float32Array, embeds: output.imageEmbeds.data as Float32Array }
})
afterAll(() => browser?.close())

function expectNodes({ logits, embeds }: Result): void {
  expect(largest(embeds, inNode.embeds)).toBeLessThan(1e-6)
  expect(largest(probabilities(logits), probabilities(inNode.logits))).toBeLessThan(1e-5)
  // They reach 22.
  expect(largest(logits, inNode.logits)).toBeLessThan(1e-5)
}

/** The addresses of the workers that a page starts from now on. */
function workersOf(page: Page): string[] {
  const workers: string[] = []
  page.on('worker', (worker) => workers.push(worker.url()))
  return workers
}

describe.each(Object.entries(BUNDLERS))('a page built with %s', (_, bundle) => {
  let folder: string
  let server: Server
  let isolated: Server

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
    await bundle(APP, folder)
    const mounts = { '/': folder, '/model': MODEL }
    server = await serve(mounts, { csp: CSP })
    isolated = await serve(mounts, { csp: CSP, isolated: true })
  })
  afterAll(async () => {
    await server?.close()
    await isolated?.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** A page, and every address that it or its workers ask for. */
  async function open(): Promise<{ page: Page; requested: string[]; problems: string[] }> {
    const page = await browser.newPage()
    const [requested, problems]: [string[], string[]] = [[], []]
    page.context().on('request', (request) => requested.push(request.url()))
    page.on('console', (message) => {
      // Chromium logs every absent file that was asked for: processor_config.json, the icon.
      if (message.type() === 'error' && !message.text().includes('404')) problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`${server.url}/index.html`)
    return { page, requested, problems }
  }

  it('holds nothing of Node', async () => {
    const scripts = await scriptsIn(folder)
    expect(scripts.size).toBeGreaterThan(1)
    // onnxruntime-web's own glue names Node's modules in branches that a browser never takes.
    const engine = /ort-wasm|_OrtInit/
    for (const [name, code] of scripts) {
      expect(code.match(/\b(from|import)\s*\(?\s*["'`](node:|sharp|onnxruntime-node)/g), name).toBeNull()
      if (!engine.test(code)) expect(code.match(/onnxruntime-node|["'`]sharp["'`]|["'`]node:/g), name).toBeNull()
    }
  })

  it.each(['page', 'worker'] as const)(
    'gives the numbers of Node in a %s, from its own origin alone',
    async (where) => {
      const { page, requested, problems } = await open()
      const result = await run(page, 'classify', given, where)
      expectNodes(result)
      expect(result.providers).toEqual({ vision: ['wasm'], text: ['wasm'] })
      expect(problems).toEqual([])
      const elsewhere = requested.filter((url) => !url.startsWith(server.url) && !/^(blob|data):/.test(url))
      expect(elsewhere).toEqual([])
      if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, `onnx-${where}.png`) })
      await page.close()
    },
  )

  it.each(['page', 'worker'] as const)(
    'has threads in an isolated %s, which start none of its own code',
    async (where) => {
      const page = await browser.newPage()
      const workers = workersOf(page)
      await page.goto(`${isolated.url}/index.html`)
      expectNodes(await run(page, 'classify', { ...given, threads: 2 }, where))
      expect(workers.filter((url) => url.endsWith('.mjs'))).toHaveLength(1)
      if (where === 'page') {
        const refused = run(page, 'classify', { ...given, threads: 1 })
        await expect(refused).rejects.toThrow(/threads: 1: ONNX Runtime has started in this page with 2/)
      }
      expectNodes(await run(page, 'classify', given, where))
      await page.close()
    },
  )

  it('says what threads need where the page is not isolated, and goes on with one', async () => {
    const { page } = await open()
    const workers = workersOf(page)
    await expect(run(page, 'classify', { ...given, threads: 2 })).rejects.toThrow(/cross-origin isolated/)
    expectNodes(await run(page, 'classify', given))
    expect(workers.filter((url) => !url.startsWith('blob:'))).toEqual([])
    await page.close()
  })

  it('fetches only the bytes of the text tower for text', async () => {
    const { page } = await open()
    server.served.length = 0
    await run(page, 'textFeatures', { labels: given.labels })
    const ranges = server.served.filter(({ path }) => path.endsWith('model.safetensors')).map(({ range }) => range)
    const weights = await readSafetensors(join(MODEL, 'model.safetensors'))
    const sizes = [...weights].map(([name, { data }]) => [
      name.startsWith('text_') ? data.byteLength : 0,
      data.byteLength,
    ])
    const [text, all] = [0, 1].map((i) => sizes.reduce((sum, size) => sum + size[i]!, 0)) as [number, number]
    const fetched = ranges.reduce((sum, [start, end]) => sum + end - start, 0)
    expect(fetched).toBeGreaterThanOrEqual(text)
    // The header of the file comes on top.
    expect(fetched).toBeLessThan(text + 100_000)
    expect(fetched).toBeLessThan(all * 0.8)
    expect(server.served.filter(({ path }) => path.includes('preprocessor'))).toHaveLength(1)
    await page.close()
  })

  it('says which execution providers there are, where one is asked for that is absent', async () => {
    const { page } = await open()
    const refused = run(page, 'classify', { ...given, executionProviders: ['webnn'] })
    await expect(refused).rejects.toThrow(/"webnn" is not available in this browser. Allowed: wasm, webgpu/)
    // This browser was started without a GPU, and without one of software.
    const withoutGpu = run(page, 'classify', { ...given, executionProviders: ['webgpu'] })
    await expect(withoutGpu).rejects.toThrow(/"webgpu" is not available in this browser. Allowed: wasm, webgpu/)
    expect(await run(page, 'classify', given)).toHaveProperty('logits.length', inNode.logits.length)
    await page.close()
  })

  it('runs on WebGPU where the browser has it, and says so', async () => {
    const withGpu = await launchChromium({ webgpu: true })
    const page = await withGpu.newPage()
    await page.goto(`${server.url}/index.html`)
    const adapter = await page.evaluate(async () => {
      const { gpu } = navigator as unknown as { gpu?: { requestAdapter(): Promise<unknown> } }
      return Boolean(await gpu?.requestAdapter())
    })
    expect(adapter, 'a WebGPU adapter (SwiftShader)').toBe(true)
    const requested: string[] = []
    page.on('request', (request) => requested.push(request.url()))
    const { embeds, providers } = await run(page, 'classify', { ...given, executionProviders: ['webgpu'] })
    expect(requested.filter((url) => !url.startsWith(server.url) && !/^(blob|data):/.test(url))).toEqual([])
    expect(providers).toEqual({ vision: ['webgpu'], text: ['webgpu'] })
    expect(largest(embeds, inNode.embeds)).toBeLessThan(1e-3)
    await withGpu.close()
  })
})

it('takes the engine’s files from wasmPaths where the bundler has placed none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
  await withEsbuild(APP, folder)
  await using server = await serve({ '/': folder, '/model': MODEL, '/ort': ENGINE }, { csp: CSP, isolated: true })
  const page = await browser.newPage()
  const workers = workersOf(page)
  await page.goto(`${server.url}/index.html`)
  await expect(run(page, 'classify', given)).rejects.toThrow(/serve them and name their folder in wasmPaths/)
  await page.reload()
  expectNodes(await run(page, 'classify', { ...given, wasmPaths: `${server.url}/ort/`, threads: 2 }))
  expect(workers).toContain(`${server.url}/ort/ort-wasm-simd-threaded.mjs`)
  await page.close()
  await rm(folder, { recursive: true, force: true })
})

describe('an int8 checkpoint', () => {
  let folder: string
  let server: Server

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
    await withEsbuild(APP, join(folder, 'app'))
    await convert(MODEL, join(folder, 'small'), { dtype: 'int8' })
    server = await serve(
      {
        '/': join(folder, 'app'),
        '/model': join(folder, 'small'),
        '/model/samples': join(MODEL, 'samples'),
        '/ort': ENGINE,
      },
      { csp: CSP },
    )
  })
  afterAll(async () => {
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.each(['float32', 'int8', 'int8-fast'] as const)(
    '0.28 of the bytes, and what ranges add; computed in %s, as Node',
    async (dtype) => {
      const { images, processor } = await loadSamples()
      await using model = await VisionTextDualEncoderModel.fromPretrained(join(folder, 'small'), { dtype })
      const expected = await model.forward(await processor({ text: given.labels, images }))
      const page = await browser.newPage()
      await page.goto(`${server.url}/index.html`)
      server.served.length = 0
      const { embeds } = await run(page, 'classify', { ...given, dtype, wasmPaths: `${server.url}/ort/` })
      await page.close()
      const fetched = server.served.filter(({ path }) => path.endsWith('model.safetensors'))
      const bytes = fetched.reduce((sum, { range: [start, end] }) => sum + end - start, 0)
      expect(bytes / (await stat(join(MODEL, 'model.safetensors'))).size).toBeLessThan(1 / 3)
      const inNode = expected.imageEmbeds.data as Float32Array
      if (dtype === 'float32') return expect(largest(embeds, inNode)).toBeLessThan(1e-6)
      // Engines differ by 1e-7 before a value is rounded to a byte, and some fall to the other side: by direction they agree.
      const size = expected.imageEmbeds.dims[1]!
      const cosines = images.map((_, row) =>
        inNode.slice(row * size, (row + 1) * size).reduce((sum, value, i) => sum + value * embeds[row * size + i]!, 0),
      )
      expect(Math.min(...cosines)).toBeGreaterThan(1 - 1e-3)
      expect(largest(embeds, inNode)).toBeLessThan(1e-2)
    },
  )
})
