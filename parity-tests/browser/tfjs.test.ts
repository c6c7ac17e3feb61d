import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Tensor, VisionTextDualEncoderProcessor } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/tfjs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { BUNDLERS, scriptsIn } from './bundle'
import { largest } from './largest'

const MODEL = resolve(import.meta.dirname, '../models/emoji-vit-bert')
const APP = resolve(import.meta.dirname, 'tfjs-app')
/** Where a user copies the engine's `*.wasm` files from. */
const WASM = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))

interface Result {
  readonly backend: string
  readonly logits: number[]
  readonly embeds: number[]
  readonly loss: number
  readonly gradient: number[]
}

describe('a page built with Vite', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let given: { images: string[]; labels: string[] }
  let inNode: Omit<Result, 'backend'>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
    await BUNDLERS.Vite!(APP, folder)
    // Isolated, where TensorFlow.js tries threads by itself, which no minified bundle survives.
    server = await serve({ '/': folder, '/model': MODEL, '/wasm': WASM }, { isolated: true })
    browser = await launchChromium()
    const expected = JSON.parse(await readFile(join(MODEL, 'expected.json'), 'utf8')) as typeof given
    const { labels } = expected
    given = { images: expected.images.map((name) => `/model/samples/${name}`), labels }
    const processor = await VisionTextDualEncoderProcessor.fromPretrained(MODEL)
    await using model = await VisionTextDualEncoderModel.fromPretrained(MODEL, { backend: 'wasm' })
    const images = expected.images.map((name) => join(MODEL, 'samples', name))
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
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function classify(options: object): Promise<Result> {
    const page = await browser.newPage()
    const problems: string[] = []
    page.on('pageerror', ({ message }) => problems.push(message))
    await page.goto(`${server.url}/index.html`)
    const result = await page.evaluate(
      (args) => (globalThis as unknown as { classify(args: object): Promise<Result> }).classify(args),
      { ...given, ...options },
    )
    expect(problems).toEqual([])
    await page.close()
    return result
  }

  const differencesOf = ({ logits, embeds, loss, gradient }: Result) => ({
    embeds: largest(embeds, inNode.embeds),
    logits: largest(logits, inNode.logits),
    loss: Math.abs(loss - inNode.loss),
    gradient: largest(gradient, inNode.gradient) / Math.max(...inNode.gradient.map(Math.abs)),
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

  it('gives the numbers of Node on wasm, gradients included', async () => {
    const result = await classify({ backend: 'wasm', wasmPaths: '/wasm/' })
    expect(result.backend).toBe('wasm')
    for (const [name, difference] of Object.entries(differencesOf(result))) expect(difference, name).toBeLessThan(1e-6)
  })

  it('takes webgl by itself, and gives the numbers of Node within what a GPU’s float32 allows', async () => {
    const result = await classify({})
    expect(result.backend).toBe('webgl')
    for (const [name, difference] of Object.entries(differencesOf(result))) expect(difference, name).toBeLessThan(1e-3)
  })
})
