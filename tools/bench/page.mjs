// A page of a benchmark in headless Chromium.
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url))

/**
 * Opens `entry`, bundled, with onnxruntime-web's files beside it.
 * @param {URL} entry
 * @param {Record<string, string>} mounts folders that are served too, by their addresses
 * @param {{ webgpu?: boolean, isolated?: boolean }} options
 */
export async function openPage(entry, mounts, options) {
  // The page's server and Chromium are TypeScript, as the browser tests use them.
  const tools = path('../../.cache/bench/bundled-page.mjs')
  await build({
    entryPoints: [path('../browser/bundled-page.ts')],
    outfile: tools,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    define: { 'import.meta.dirname': JSON.stringify(path('../browser')) },
  })
  const { bundledPage } = await import(pathToFileURL(tools).href)
  const engine = dirname(createRequire(path('../../packages/onnx/package.json')).resolve('onnxruntime-web'))
  const { browser, server, close } = await bundledPage(entry, { '/onnxruntime-web': engine, ...mounts }, options)
  const page = await browser.newPage()
  // Beside the page, where the provider of WebGPU looks; where the bundle does, they are mounted.
  await page.route(/^[^/]*\/\/[^/]*\/ort-wasm/, (route) =>
    route.fulfill({ path: join(engine, basename(route.request().url())) }),
  )
  await page.goto(`${server.url}/index.html`)
  /** Calls a function of the page's global scope. */
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) =>
    page.evaluate(([name, args]) => globalThis[name](...args), [name, args])
  return { call, close }
}
