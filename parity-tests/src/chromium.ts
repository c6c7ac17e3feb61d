import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import type { JSHandle, Page } from 'playwright-core'
import { bundledPage, type BundledPage } from '../../tools/browser/bundled-page'
import type { load, PageBackend } from './chromium-page'

const TOWERS = fileURLToPath(new URL('../fixtures/towers', import.meta.url))
const WASM = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))

const METHODS = ['forward', 'getImageFeatures', 'getTextFeatures', 'dispose'] as const
/** What the fixtures of towers are compared through. */
export type TowerModel = Pick<DualEncoderModel, (typeof METHODS)[number]>

/** A model in the page: inputs and outputs go there and back. */
function remote(handle: JSHandle): TowerModel {
  const call = (method: keyof TowerModel, ...args: unknown[]) =>
    handle.evaluate(
      (model: Record<string, (...args: unknown[]) => unknown>, [method, args]) => model[method]!(...args),
      [method, args] as const,
    )
  return Object.fromEntries(METHODS.map((method) => [method, call.bind(undefined, method)])) as unknown as TowerModel
}

/** An isolated page of headless Chromium that loads the towers' fixtures over HTTP. */
export class ChromiumModels implements AsyncDisposable {
  #page?: Promise<[Page, BundledPage]>

  async #open(): Promise<[Page, BundledPage]> {
    const mounts = { '/towers': TOWERS, '/wasm': WASM }
    const options = { isolated: true, webgpu: true }
    const bundled = await bundledPage(new URL('chromium-page.ts', import.meta.url), mounts, options)
    const page = await bundled.browser.newPage()
    await page.goto(`${bundled.server.url}/index.html`)
    return [page, bundled]
  }

  async load(folder: string, backend: PageBackend): Promise<TowerModel> {
    const [page, { server }] = await (this.#page ??= this.#open())
    const handle = await page.evaluateHandle(
      ([url, backend]) => (globalThis as unknown as { load: typeof load }).load(url, backend),
      [`${server.url}/towers/${basename(folder)}`, backend] as const,
    )
    return remote(handle)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [, bundled] = (await this.#page) ?? []
    await bundled?.close()
  }
}
