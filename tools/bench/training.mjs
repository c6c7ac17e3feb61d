// A step of training through Trainer.run (data pipeline, AdamW, clipping, dropout) against PyTorch (eager and sdpa; bfloat16
// autocast beside), interleaved: `npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/training.mjs`.
// WORK is `text` (MiniLM's size, the default), `both` (ViT-Tiny/16 and BERT-tiny, both trained) or `lit` (upper layers of
// both towers on cached boundaries, patches dropped; BATCH=384). THREADS (2), BATCH (64), ROUNDS (5), STEPS of a round (8)
// and WARM, those before them (3: two make a graph and its memory), are variables too; SIDES=ours,eager,sdpa takes those sides
// alone (all: `given`, `bfloat16` and `tfjs`, our TensorFlow.js on wasm, too). Every other round goes through
// the sides backwards. Wall time and CPU seconds, since a machine that others use too gives no wall time that means anything;
// and the most memory of each side, which has a process of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.mjs'
import { median } from './median.mjs'
import { WORKS } from './training-works.mjs'

const {
  PYTHON = 'python3',
  WORK = 'text',
  THREADS = '2',
  BATCH = '64',
  ROUNDS = '5',
  STEPS = '8',
  WARM = '3',
} = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'dual-encoder-bench-'))

const children = []
/** One side, a process by itself that is started when it is first asked. */
function side(request, command, ...args) {
  let child
  return () => {
    if (!child) children.push((child = startChild(command, args)))
    return child.ask({ batch: Number(BATCH), warm: Number(WARM), steps: Number(STEPS), ...request })
  }
}
const trainer = (backend, kind, chunkSize) =>
  side({ kind, chunkSize }, process.execPath, path('training-child.mjs'), backend, folder, THREADS, WORK)
/** A WebAssembly module's 4 GB hold no more rows at once. */
const tfjs = (kind, rows) => [`tfjs on wasm, in chunks of ${rows}`, trainer('tfjs', kind, rows)]
const torch = (request) => side(request, PYTHON, path('python/time_training.py'), THREADS, JSON.stringify(WORKS[WORK]))
const OURS = {
  text: {
    ours: ['ours, image tower locked and cached', trainer('onnx', 'cached')],
    given: ['ours, image embeddings given', trainer('onnx', 'embeds')],
    tfjs: tfjs('embeds', 64),
  },
  both: { ours: ['ours', trainer('onnx', 'both')], tfjs: tfjs('both', 16) },
  lit: { ours: ['ours', trainer('onnx', 'lit')] },
}
const all = {
  ...OURS[WORK],
  eager: ['PyTorch eager', torch({ work: WORK, attention: 'eager' })],
  sdpa: ['PyTorch sdpa', torch({ work: WORK, attention: 'sdpa' })],
  bfloat16: ['PyTorch sdpa, bfloat16', torch({ work: WORK, attention: 'sdpa', bfloat16: true })],
}
const { SIDES = Object.keys(all).join() } = process.env
const sides = SIDES.split(',').map((key) => {
  if (!(key in all)) throw new Error(`SIDES has "${key}", where WORK=${WORK} has ${Object.keys(all).join(', ')}.`)
  const [name, ask] = all[key]
  return { key, name, ask, ms: [], cpu: [], peak: 0 }
})
for (let round = 1; round <= Number(ROUNDS); round++)
  for (const side of round % 2 ? sides : sides.toReversed()) {
    const { ms, cpu, peak } = await side.ask()
    side.ms.push(ms)
    side.cpu.push(cpu)
    side.peak = peak
    console.error(`round ${round}, ${side.name}: ${ms.toFixed(0)} ms, ${cpu.toFixed(0)} ms of CPU`)
  }
for (const child of children) child.stop()
rmSync(folder, { recursive: true })

/** Of each round by itself, since load comes and goes. */
const ratios = (a, b, of) => a[of].map((value, i) => value / b[of][i])
const each = (values, digits = 0) => values.map((value) => value.toFixed(digits)).join(' ')
console.log(
  `WORK=${WORK}, batch ${BATCH} of 16 tokens, ${THREADS} threads; medians of ${ROUNDS} rounds of ${STEPS} steps.`,
)
for (const side of sides) {
  const { name, ms, cpu, peak } = side
  console.log(
    `${name}: ${each([median(ms)])} ms a step (${each(ms)}), ${each([median(cpu)])} ms of CPU, ${each([peak])} MB at most`,
  )
  for (const other of sides.filter((other) => other !== side && other.name.startsWith('PyTorch'))) {
    const [wall, used] = [ratios(side, other, 'ms'), ratios(side, other, 'cpu')]
    console.log(
      `  of ${other.name}: ${each([median(wall)], 2)}x wall (${each(wall, 2)}), ${each([median(used)], 2)}x CPU`,
    )
  }
}
const [own, given, eager, sdpa] = ['ours', 'given', 'eager', 'sdpa'].map((key) =>
  sides.find((side) => side.key === key),
)
if (own && eager && sdpa) {
  const faster = { ms: eager.ms.map((value, i) => Math.min(value, sdpa.ms[i])) }
  const of = ratios(own, faster, 'ms')
  console.log(`ours of the faster of eager and sdpa in each round: ${each([median(of)], 2)}x wall (${each(of, 2)})`)
}
if (own && given) console.log(`cached of given: ${each([median(ratios(own, given, 'ms'))], 2)}x wall`)
