import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { expect } from 'vitest'
import { bundledPage } from '../../tools/browser/bundled-page'
import { losses, smallModel, STEPS } from '../src/small-training'
import type { EngineName, Request } from './training-page'

type Losses = Awaited<ReturnType<typeof losses>>

const MOUNTS = {
  '/engine': resolve(import.meta.dirname, '../../node_modules/onnxruntime-web/dist'),
  '/wasm': dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')),
}

const STOPPED = 20

/**
 * Trains in a page's worker, loads the page anew on the way, and holds every loss to those of ONNX Runtime in Node.
 * @returns the largest difference
 */
export async function trainInPage(engine: EngineName): Promise<number> {
  const inNode = await losses(await smallModel())
  expect(inNode.at(-1)![1]).toBeLessThan(inNode[0]![1] - 0.1)
  const entry = new URL('training-page.ts', import.meta.url)
  const { browser, server, close } = await bundledPage(entry, MOUNTS, { webgpu: engine.endsWith('webgpu') })
  try {
    const page = await browser.newPage()
    const train = async (until?: number): Promise<Losses> => {
      await page.goto(`${server.url}/index.html`)
      return page.evaluate(
        (request) => (globalThis as unknown as { train(request: Request): Promise<Losses> }).train(request),
        { engine, until },
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
