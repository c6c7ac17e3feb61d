// A step of training through Trainer.run (data pipeline, AdamW, clipping, dropout) against PyTorch (eager and sdpa; bfloat16
// autocast beside), interleaved: `npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/training.mjs`.
// WORK is `text` (MiniLM's size, the default), `both` (ViT-Tiny/16 and BERT-tiny, both trained; TensorFlow.js on wasm beside
// it, without AdamW) or `lit` (upper layers of both towers on cached boundaries, patches dropped; BATCH=384). THREADS (2),
// BATCH (64), ROUNDS (5) and STEPS of a round (8) are variables too. Wall time and CPU seconds, since a machine that others
// use too gives no wall time that means anything; and the most memory of each side, which has a process of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WORKS } from './training-works.mjs'

const { PYTHON = 'python3', WORK = 'text', THREADS = '2', BATCH = '64', ROUNDS = '5', STEPS = '8' } = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'dual-encoder-bench-'))

/** A process that answers lines of JSON, one a line. */
function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value)
  return {
    ask: (request) => (child.stdin.write(`${JSON.stringify(request)}\n`), next()),
    stop: () => child.kill(),
  }
}

const children = []
/** One side, a process by itself that is started when it is first asked. */
function side(request, command, ...args) {
  let child
  return () => {
    if (!child) children.push((child = start(command, ...args)))
    return child.ask({ batch: Number(BATCH), steps: Number(STEPS), ...request })
  }
}
const ours = (kind) => side({ kind }, process.execPath, path('training-child.mjs'), folder, THREADS, WORK)
const torch = (request) => side(request, PYTHON, path('python/time_training.py'), THREADS, JSON.stringify(WORKS[WORK]))
const OURS = {
  text: { 'ours, image tower locked and cached': ours('cached'), 'ours, image embeddings given': ours('embeds') },
  both: {
    ours: ours('both'),
    'tfjs on wasm, without AdamW': side({}, process.execPath, path('training-tfjs-child.mjs'), THREADS, WORK),
  },
  lit: { ours: ours('lit') },
}
const sides = {
  ...OURS[WORK],
  'PyTorch eager': torch({ work: WORK, attention: 'eager' }),
  'PyTorch sdpa': torch({ work: WORK, attention: 'sdpa' }),
  'PyTorch sdpa, bfloat16': torch({ work: WORK, attention: 'sdpa', bfloat16: true }),
}
const seen = Object.fromEntries(Object.keys(sides).map((name) => [name, { ms: [], cpu: [], peak: 0 }]))
// The first round makes graphs and caches.
for (let round = 0; round <= Number(ROUNDS); round++)
  for (const [name, ask] of Object.entries(sides)) {
    const { ms, cpu, peak } = await ask()
    seen[name].peak = peak
    if (round === 0) continue
    seen[name].ms.push(ms)
    seen[name].cpu.push(cpu)
  }
for (const child of children) child.stop()
rmSync(folder, { recursive: true })

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
/** Of each round by itself, since load comes and goes. */
const ratio = (a, b, of) => median(seen[a][of].map((value, i) => value / seen[b][of][i])).toFixed(2)
console.log(
  `WORK=${WORK}, batch ${BATCH} of 16 tokens, ${THREADS} threads; medians of ${ROUNDS} rounds of ${STEPS} steps.`,
)
for (const name of Object.keys(sides))
  console.log(
    `${name.padEnd(40)} ${median(seen[name].ms).toFixed(0)} ms a step, ${median(seen[name].cpu).toFixed(0)} ms of CPU, ${seen[name].peak.toFixed(0)} MB at most; ` +
      `of PyTorch sdpa ${ratio(name, 'PyTorch sdpa', 'ms')}x wall, ${ratio(name, 'PyTorch sdpa', 'cpu')}x CPU; ` +
      `of PyTorch eager ${ratio(name, 'PyTorch eager', 'ms')}x, ${ratio(name, 'PyTorch eager', 'cpu')}x`,
  )
if (WORK === 'text')
  console.log(
    `cached of given: ${ratio('ours, image tower locked and cached', 'ours, image embeddings given', 'ms')}x wall, ` +
      `${ratio('ours, image tower locked and cached', 'ours, image embeddings given', 'cpu')}x CPU`,
  )
