import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Tensor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { BUNDLERS, scriptsIn, withEsbuild } from './bundle'
import { largest } from './largest'
import { loadSamples, MODEL } from './samples'

const APP = resolve(import.meta.dirname, 'tfjs-app')
/** Where a user copies the engine's `*.wasm` files from. */
const WASM = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))

interface Result {
  readonly backend: string
  readonly threads?: number
  readonly logits: number[]
  readonly embeds: number[]
  readonly loss: number
  readonly gradient: number[]
}

/** What the page offers. */
interface Page {
  prepare(given: object): Promise<void>
  classify(options: object): Promise<Result>
}

let browser: Browser
let given: { images: string[]; labels: string[] }
let inNode: Omit<Result, 'backend'>

beforeAll(async () => {
  browser = await launchChromium()
  const { images, processor, ...samples } = await loadSamples()
  given = samples.given
  const { labels } = given
  await using model = await VisionTextDualEncoderModel.fromPretrained(MODEL, { backend: 'wasm' })
  const output = await model.forward(await processor({ text: labels, images }))
  const pairs = await processor({ text: labels.slice(0, images.length), images })
  const { value, grads } = model.valueAndGrads(await model.params(), pairs)
  const numbers = ({ data }: Tensor) => [...(data as Float32Array)]
  inNode = {
    logits: numbers(output.logitsPerImage),
    embeds: [...numbers(output.imageEmbeds), ...numbers(output.textEmbeds)],
    loss: value.dataSync()[0]!,
    gradient: [...grads['visual_projection.weight']!.dataSync()],
  }
})
afterAll(() => browser?.close())

function expectNodes({ logits, embeds, loss, gradient }: Result, tolerance: number): void {
  const differences = {
    embeds: largest(embeds, inNode.embeds),
    logits: largest(logits, inNode.logits),
    loss: Math.abs(loss - inNode.loss),
    gradient: largest(gradient, inNode.gradient) / Math.max(...inNode.gradient.map(Math.abs)),
  }
  for (const [name, difference] of Object.entries(differences)) expect(difference, name).toBeLessThan(tolerance)
}

describe.each([...Object.entries(BUNDLERS), ['esbuild', withEsbuild] as const])('a page built with %s', (_, bundle) => {
  let folder: string
  /** With and without the headers that threads need. */
  let servers: { isolated: Server; plain: Server }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
    await bundle(APP, folder)
    const mounts = { '/': folder, '/model': MODEL, '/wasm': WASM }
    servers = { isolated: await serve(mounts, { isolated: true }), plain: await serve(mounts) }
  })
  afterAll(async () => {
    await servers?.isolated.close()
    await servers?.plain.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** What the page finds, and how many workers its model has started and not ended. */
  async function classify(server: Server, options: object): Promise<{ result: Result; started: number; left: number }> {
    const page = await browser.newPage()
    const problems: string[] = []
    let started = 0
    let ended = 0
    page.on('pageerror', ({ message }) => problems.push(message))
    await page.goto(`${server.url}/index.html`)
    try {
      await page.evaluate((args) => (globalThis as unknown as Page).prepare(args), given)
      page.on('worker', (worker) => {
        started++
        worker.on('close', () => ended++)
      })
      const result = await page.evaluate((args) => (globalThis as unknown as Page).classify(args), options)
      expect(problems).toEqual([])
      await vi.waitUntil(() => ended === started, { timeout: 5000 }).catch(() => undefined)
      return { result, started, left: started - ended }
    } finally {
      await page.close()
    }
  }

  it('gives the numbers of Node on wasm’s threads, gradients included, and ends them with its model', async () => {
    const { result, started, left } = await classify(servers.isolated, { backend: 'wasm', wasmPaths: '/wasm/' })
    expect(result.backend).toBe('wasm')
    expect(result.threads).toBeGreaterThan(1)
    expect(started).toBeGreaterThanOrEqual(result.threads! - 1)
    expect(left).toBe(0)
    expectNodes(result, 1e-6)
  })

  it('runs wasm on one thread where the page is not isolated, and says so where more are asked for', async () => {
    const options = { backend: 'wasm', wasmPaths: '/wasm/' }
    const { result, started } = await classify(servers.plain, options)
    expect([result.backend, result.threads, started]).toEqual(['wasm', 1, 0])
    expectNodes(result, 1e-6)
    await expect(classify(servers.plain, { ...options, threads: 2 })).rejects.toThrow(/cross-origin isolated/)
  })

  it('loads each backend of TensorFlow.js only when it is used', async () => {
    const scripts = await scriptsIn(folder)
    const holding = (text: RegExp) => [...scripts].filter(([, code]) => text.test(code)).map(([name]) => name)
    const [webgl, wasm] = [holding(/WEBGL_VERSION/), holding(/tfjs-backend-wasm-simd\.wasm/)]
    expect(webgl).toHaveLength(1)
    expect(wasm).toHaveLength(1)
    expect(webgl).not.toEqual(wasm)
    for (const [name, code] of scripts)
      expect(code.match(/\b(from|import)\s*\(?\s*["'`](node:|sharp)/g), name).toBeNull()
  })

  it('takes webgl by itself, and gives the numbers of Node within what a GPU’s float32 allows', async () => {
    const { result } = await classify(servers.isolated, {})
    expect(result.backend).toBe('webgl')
    expectNodes(result, 1e-3)
  })
})
