// From files to the first embeddings of a picture and a text, and the process's peak memory: float32 against int8, models of
// random weights, each in a process of its own, interleaved.
// `npm run build && MODEL=clip node tools/bench/int8-load.mjs`; MODEL is as for int8.mjs, THREADS (2) and ROUNDS (5) are variables.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convert } from '@dual-encoder/core'
import { TextTower } from '@dual-encoder/onnx'
import { embedTexts, modelOf } from './int8-models.mjs'
import { pictures, texts } from './inputs.mjs'
import { median } from './median.mjs'

const { MODEL = 'pair', THREADS = '2', ROUNDS = '5' } = process.env
const { draw, Loaded, lengths } = modelOf(MODEL)
const [, script = '', given, dtype] = process.argv

/** In a process of its own: milliseconds to the first embeddings, and the largest resident set in MB. */
async function measure(/** @type {string} */ folder) {
  const start = performance.now()
  const options = { threads: Number(THREADS), ...(dtype === 'float32' ? {} : { dtype: /** @type {'int8'} */ (dtype) }) }
  /** @type {import('@dual-encoder/onnx').OnnxModel | TextTower} */
  const model = await Loaded.fromPretrained(folder, { ...options, onWarning: () => undefined })
  if (!(model instanceof TextTower)) await model.getImageFeatures(pictures(1))
  await embedTexts(model, texts(1, lengths[0] ?? 0))
  const time = performance.now() - start
  console.log(JSON.stringify({ time, memory: process.resourceUsage().maxRSS / 1024 }))
  await model.dispose()
}

async function compare() {
  const root = await mkdtemp(join(tmpdir(), 'dual-encoder-bench-'))
  const [whole, small] = [join(root, 'float32'), join(root, 'int8')]
  const drawn = await draw()
  await drawn.savePretrained(whole)
  await drawn.dispose()
  await convert(whole, small, { dtype: 'int8' })
  const [a, b] = await Promise.all([whole, small].map(async (at) => (await stat(join(at, 'model.safetensors'))).size))
  console.log(
    `files ${((a ?? 0) / 1e6).toFixed(0)} MB, ${((b ?? 0) / 1e6).toFixed(0)} MB (${((b ?? 0) / (a ?? 1)).toFixed(3)}x)`,
  )
  const sides = [
    ['float32 file', whole, 'float32'],
    ['int8 file, int8', small, 'int8'],
    ['int8 file, int8-fast', small, 'int8-fast'],
    ['int8 file, float32', small, 'float32'],
  ]
  /** @type {{ time: number, memory: number }[][]} */
  const results = sides.map(() => [])
  for (let round = 0; round < Number(ROUNDS); round++)
    for (const [i, [, folder = '', as = '']] of sides.entries())
      results[i]?.push(JSON.parse(execFileSync(process.execPath, [script, folder, as], { encoding: 'utf8' })))
  const of = (/** @type {number} */ side, /** @type {'time' | 'memory'} */ what) =>
    median((results[side] ?? []).map((result) => result[what]))
  for (const [i, [name = '']] of sides.entries())
    console.log(
      `${name.padEnd(22)} ${of(i, 'time').toFixed(0)} ms (${(of(i, 'time') / of(0, 'time')).toFixed(2)}x)   ` +
        `${of(i, 'memory').toFixed(0)} MB (${(of(i, 'memory') / of(0, 'memory')).toFixed(2)}x)`,
    )
  await rm(root, { recursive: true })
}

await (given === undefined ? compare() : measure(given))
