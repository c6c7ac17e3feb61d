import { resolve } from 'node:path'
import { expect } from 'vitest'
import { bundledPage } from '../../tools/browser/bundled-page'
import { losses, STEPS } from '../src/small-training'

type Losses = Awaited<ReturnType<typeof losses>>

const ENGINE = resolve(import.meta.dirname, '../../node_modules/onnxruntime-web/dist')
const STOPPED = 20

/**
 * Trains in a page's worker, loads the page anew on the way, and holds every loss to Node's.
 * @returns the largest difference
 */
export async function trainInPage(provider: 'wasm' | 'webgpu'): Promise<number> {
  const inNode = await losses({})
  expect(inNode.at(-1)![1]).toBeLessThan(inNode[0]![1] - 0.1)
  const entry = new URL('training-page.ts', import.meta.url)
  const { browser, server, close } = await bundledPage(entry, { '/engine': ENGINE }, { webgpu: provider === 'webgpu' })
  try {
    const page = await browser.newPage()
    const train = async (until?: number): Promise<Losses> => {
      await page.goto(`${server.url}/index.html`)
      return page.evaluate(
        (request) => (globalThis as unknown as { train(request: object): Promise<Losses> }).train(request),
        { provider, until },
      )
    }
    const before = await train(STOPPED)
    expect(before).toHaveLength(STOPPED)
    const all = [...before, ...(await train())]
    expect(all.map(([step]) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1))
    return Math.max(...all.map(([, loss], i) => Math.abs(loss - inNode[i]![1])))
  } finally {
    await close()
  }
}
