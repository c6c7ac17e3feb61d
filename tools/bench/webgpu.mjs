// @dual-encoder/webgpu against onnxruntime-web's WebGPU provider and plain TensorFlow.js on WebGPU, interleaved in one
// page of headless Chromium on SwiftShader: `npm run build && node tools/bench/webgpu.mjs`. ROUNDS (default 5).
import { median } from './median.mjs'
import { openPage } from './page.mjs'
import { writeRatios } from './ratios.mjs'

const { ROUNDS = '5' } = process.env
const { call, close } = await openPage(new URL('webgpu-page.ts', import.meta.url), {}, { webgpu: true })

const ENGINES = ['ours', 'plain tfjs', 'onnxruntime-web']
try {
  const rows = {}
  for (const [title, layers] of [
    ['one block', 1],
    ['whole tower', 12],
  ]) {
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
  await close()
}
