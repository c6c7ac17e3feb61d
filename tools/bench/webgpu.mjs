// @dual-encoder/webgpu against onnxruntime-web's WebGPU provider and plain TensorFlow.js on WebGPU, interleaved in one
// page of headless Chromium on SwiftShader: `npm run build && node tools/bench/webgpu.mjs`. ROUNDS (default 5).
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { median } from './median.mjs'
import { writeRatios } from './ratios.mjs'

const { ROUNDS = '5' } = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

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
const wasm = dirname(createRequire(path('../../packages/onnx/package.json')).resolve('onnxruntime-web'))
const opened = await bundledPage(new URL('webgpu-page.ts', import.meta.url), {}, { webgpu: true })

const ENGINES = ['ours', 'plain tfjs', 'onnxruntime-web']
try {
  const page = await opened.browser.newPage()
  await page.route('**/ort-wasm*', (route) => route.fulfill({ path: `${wasm}/${basename(route.request().url())}` }))
  await page.goto(`${opened.server.url}/index.html`)
  const rows = {}
  for (const [title, layers] of [
    ['one block', 1],
    ['whole tower', 12],
  ]) {
    const call = (name, ...args) => page.evaluate(([name, args]) => globalThis[name](...args), [name, args])
    const features = []
    for (const engine of ENGINES) features.push(await call('make', engine, layers))
    const apart = Math.max(...features.flatMap((row) => row.map((value, i) => Math.abs(value - features[0][i]))))
    const times = Object.fromEntries(ENGINES.map((engine) => [engine, []]))
    for (let round = 0; round < Number(ROUNDS); round++)
      for (const engine of ENGINES) times[engine].push(await call('time', engine, layers))
    rows[title] = ['plain tfjs', 'onnxruntime-web'].map((name) => median(times.ours) / median(times[name]))
    console.log(`ViT-Tiny/16, ${title} (features at most ${apart.toExponential(1)} apart)`)
    for (const engine of ENGINES)
      console.log(
        `  ${engine.padEnd(16)} ${median(times[engine]).toFixed(0).padStart(6)} ms` +
          (engine === 'ours' ? '' : `   ours takes ${(median(times.ours) / median(times[engine])).toFixed(2)}x`),
      )
  }
  const series = ["of TensorFlow.js's time", "of onnxruntime-web's"]
  writeRatios('webgpu', { against: "each engine's own time", series, rows })
} finally {
  await opened.close()
}
