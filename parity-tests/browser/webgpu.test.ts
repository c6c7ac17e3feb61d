import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { VisionTextDualEncoderModel } from '@dual-encoder/webgpu'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../tools/browser/chromium'
import { serve, type Server } from '../../tools/browser/server'
import { BUNDLERS, scriptsIn, withEsbuild } from './bundle'
import { largest } from './largest'
import { loadSamples, MODEL } from './samples'

const APP = resolve(import.meta.dirname, 'webgpu-app')

interface Given {
  images: string[]
  labels: string[]
}
/** What the page offers. */
interface Page {
  classify(given: Given, options?: object): Promise<{ adapter: string; logits: number[] }>
  frames(given: Given): Promise<{ cosines: Record<string, number>; dims: number[] }>
  withoutWebGpu(): Promise<string>
}

let browser: Browser
let given: Given
let inNode: number[]

beforeAll(async () => {
  browser = await launchChromium({ webgpu: true })
  const { images, processor, ...samples } = await loadSamples()
  given = samples.given
  const model = await VisionTextDualEncoderModel.fromPretrained(MODEL)
  const { logitsPerImage } = await model.forward(await processor({ text: given.labels, images }))
  inNode = [...(logitsPerImage.data as Float32Array)]
  await model.dispose()
})
afterAll(() => browser?.close())

describe.each([...Object.entries(BUNDLERS), ['esbuild', withEsbuild] as const])('a page built with %s', (_, bundle) => {
  let folder: string
  let server: Server

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dual-encoder-bundle-'))
    await bundle(APP, folder)
    server = await serve({ '/': folder, '/model': MODEL })
  })
  afterAll(async () => {
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** Calls a function of the page. */
  async function within<K extends keyof Page>(
    on: Browser,
    name: K,
    ...args: Parameters<Page[K]>
  ): Promise<Awaited<ReturnType<Page[K]>>> {
    const page = await on.newPage()
    const problems: string[] = []
    page.on('pageerror', ({ message }) => problems.push(message))
    await page.goto(`${server.url}/index.html`)
    try {
      const result = await page.evaluate(
        ([name, args]) => (globalThis as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...args),
        [name, args] as const,
      )
      expect(problems).toEqual([])
      return result as Awaited<ReturnType<Page[K]>>
    } finally {
      await page.close()
    }
  }

  it('gives the numbers of Node', async () => {
    const { adapter, logits } = await within(browser, 'classify', given)
    expect(adapter).toBe('google')
    expect(largest(logits, inNode)).toBeLessThan(1e-4)
  })

  it('takes frames of every kind, close to the exact path', async () => {
    const { cosines, dims } = await within(browser, 'frames', given)
    for (const name of ['ImageBitmap', 'OffscreenCanvas', 'ImageData', 'VideoFrame'])
      expect(cosines[name], name).toBeGreaterThan(0.9999)
    // The stream of a canvas is coded as video.
    expect(cosines.HTMLVideoElement).toBeGreaterThan(0.99)
    expect(dims[0]).toBe(2)
  })

  it('holds nothing of Node', async () => {
    for (const [name, code] of await scriptsIn(folder))
      expect(code.match(/\b(from|import)\s*\(?\s*["'`](node:|sharp|webgpu)/g), name).toBeNull()
  })

  it('says what to do where there is no WebGPU', async () => {
    const plain = await launchChromium()
    try {
      expect(await within(plain, 'withoutWebGpu')).toMatch(/^no-(webgpu|adapter): .*@dual-encoder\/tfjs/)
    } finally {
      await plain.close()
    }
  })
})
