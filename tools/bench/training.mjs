// A step of training through Trainer.run (data pipeline, AdamW, clipping, dropout) against PyTorch (eager and sdpa; bfloat16
// autocast beside), interleaved: `npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/training.mjs`.
// THREADS (2), BATCH (64), ROUNDS (5) and STEPS of a round (8) are variables too. Wall time and CPU seconds, since a machine
// that others use too gives no wall time that means anything.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const { PYTHON = 'python3', THREADS = '2', BATCH = '64', ROUNDS = '5', STEPS = '8' } = process.env
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

const node = start(process.execPath, path('training-child.mjs'), folder, THREADS)
const torch = start(PYTHON, path('python/time_training.py'), THREADS)
const common = { batch: Number(BATCH), steps: Number(STEPS) }
const sides = {
  'ours, image tower locked and cached': () => node.ask({ ...common, kind: 'cached' }),
  'ours, image embeddings given': () => node.ask({ ...common, kind: 'embeds' }),
  'PyTorch eager': () => torch.ask({ ...common, attention: 'eager' }),
  'PyTorch sdpa': () => torch.ask({ ...common, attention: 'sdpa' }),
  'PyTorch sdpa, bfloat16': () => torch.ask({ ...common, attention: 'sdpa', bfloat16: true }),
}
const seen = Object.fromEntries(Object.keys(sides).map((name) => [name, { ms: [], cpu: [] }]))
// The first round makes graphs and caches.
for (let round = 0; round <= Number(ROUNDS); round++)
  for (const [name, ask] of Object.entries(sides)) {
    const { ms, cpu } = await ask()
    if (round === 0) continue
    seen[name].ms.push(ms)
    seen[name].cpu.push(cpu)
  }
node.stop()
torch.stop()
rmSync(folder, { recursive: true })

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
/** Of each round by itself, since load comes and goes. */
const ratio = (a, b, of) => median(seen[a][of].map((value, i) => value / seen[b][of][i])).toFixed(2)
console.log(
  `Text tower of 6 x 384, batch ${BATCH} of 16 tokens, ${THREADS} threads; medians of ${ROUNDS} rounds of ${STEPS} steps.`,
)
for (const name of Object.keys(sides))
  console.log(
    `${name.padEnd(40)} ${median(seen[name].ms).toFixed(0)} ms a step, ${median(seen[name].cpu).toFixed(0)} ms of CPU; ` +
      `of PyTorch sdpa ${ratio(name, 'PyTorch sdpa', 'ms')}x wall, ${ratio(name, 'PyTorch sdpa', 'cpu')}x CPU; ` +
      `of PyTorch eager ${ratio(name, 'PyTorch eager', 'ms')}x, ${ratio(name, 'PyTorch eager', 'cpu')}x`,
  )
console.log(
  `cached of given: ${ratio('ours, image tower locked and cached', 'ours, image embeddings given', 'ms')}x wall, ` +
    `${ratio('ours, image tower locked and cached', 'ours, image embeddings given', 'cpu')}x CPU`,
)
