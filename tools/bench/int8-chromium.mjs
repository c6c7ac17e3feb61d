// int8 in a browser, on onnxruntime-web's wasm: a float32 file and its int8 file, to the first embeddings and then call by call, in
// one page of headless Chromium; ViT-S/16 and MiniLM's size, random weights.
// `npm run build && node tools/bench/int8-chromium.mjs`; THREADS (2) and ROUNDS (7) are variables.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BertConfig, convert, ViTConfig, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { median } from './median.mjs'
import { openPage } from './page.mjs'

const { THREADS = '2', ROUNDS = '7' } = process.env
const SMALL = { hiddenSize: 384, intermediateSize: 1536 }

const root = await mkdtemp(join(tmpdir(), 'dual-encoder-bench-'))
const files = { float32: join(root, 'float32'), int8: join(root, 'int8') }
const drawn = await VisionTextDualEncoderModel.fromConfig(
  VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ ...SMALL, numAttentionHeads: 6 }),
    new BertConfig({ ...SMALL, numHiddenLayers: 6, numAttentionHeads: 12 }),
  ),
)
await drawn.savePretrained(files.float32)
await drawn.dispose()
await convert(files.float32, files.int8, { dtype: 'int8' })

const mounts = Object.fromEntries(Object.entries(files).map(([name, folder]) => [`/${name}`, folder]))
const { call, close } = await openPage(new URL('int8-page.ts', import.meta.url), mounts, { isolated: true })
/** A file and what computes it. */
const SIDES = [
  ['float32', 'float32'],
  ['int8', 'float32'],
  ['int8', 'int8'],
  ['int8', 'int8-fast'],
]
const CASES = ['image 1', 'image 8', 'text 1x16', 'text 8x32']
try {
  const times = Object.fromEntries(['to first embeddings', ...CASES].map((name) => [name, SIDES.map(() => [])]))
  for (const name of Object.keys(times))
    for (let round = 0; round <= Number(ROUNDS); round++)
      for (const [i, side] of SIDES.entries()) {
        await setTimeout(200)
        const time = CASES.includes(name)
          ? await call('time', ...side, name)
          : await call('load', ...side, Number(THREADS))
        // The first round makes sessions.
        if (round > 0) times[name][i].push(time)
      }
  console.log(`${THREADS} threads; medians of ${ROUNDS} rounds, ms (times as fast as float32).`)
  for (const [name, sides] of Object.entries(times)) {
    const [base, ...others] = sides.map(median)
    const rest = others.map((time, i) => {
      const [file, dtype] = SIDES[i + 1]
      return `${file} file${dtype === file ? '' : ` in ${dtype}`} ${time.toFixed(0)} (${(base / time).toFixed(2)}x)`
    })
    console.log(`${name.padEnd(20)} float32 ${base.toFixed(0)}   ${rest.join('   ')}`)
  }
} finally {
  await close()
  await rm(root, { recursive: true })
}
