// @dual-encoder/tfjs on wasm against TensorFlow.js's own kernels, and PyTorch, interleaved, THREADS each (default 2):
// `npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/tfjs.mjs`.
// ROUNDS (default 5) is a variable too. TensorFlow.js's own kernels take part in one round, and not in batches of 8 images.
import { execFileSync, fork, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const { PYTHON = 'python3', ROUNDS = '5', THREADS = '2' } = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const CHECKPOINT = path('../../.cache/bench/vit-bert')
if (!existsSync(`${CHECKPOINT}/model.safetensors`)) execFileSync(PYTHON, [path('python/make_model.py'), CHECKPOINT])

/** A process that answers requests one after another; its first answer comes unasked. */
function startNode(kind) {
  const child = fork(path('tfjs-child.mjs'), [kind, CHECKPOINT, kind === 'ours' ? THREADS : '1'])
  const ended = new Promise((_, reject) =>
    child.once('exit', (code) => reject(new Error(`${kind} ended with code ${code}`))),
  )
  // Stopped when all is measured.
  ended.catch(() => undefined)
  const next = () => Promise.race([ended, new Promise((resolve) => child.once('message', resolve))])
  return { first: next(), ask: (request) => (child.send(request), next()), stop: () => child.kill() }
}

function startPython() {
  const child = spawn(PYTHON, [path('python/time_torch.py'), CHECKPOINT, THREADS], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value)
  const ask = (request) => (child.stdin.write(`${JSON.stringify(request)}\n`), next())
  return { first: next(), ask, stop: () => child.kill() }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const running = {
  ours: startNode('ours'),
  PyTorch: startPython(),
  stock: startNode('stock'),
  plain: startNode('plain'),
}
await Promise.all(Object.values(running).map(({ first }) => first))

console.log(
  `ViT-B/16 + BERT-base, random weights, ${THREADS} threads (TensorFlow.js's own: one, all it has in Node); ` +
    'medians, in brackets the ratio to ours.',
)
for (const request of [
  { side: 'image', batch: 1 },
  { side: 'text', batch: 8, length: 32 },
  { side: 'image', batch: 8 },
]) {
  const { side, batch, length } = request
  const times = { ours: [], PyTorch: [], stock: [], plain: [] }
  for (let round = -1; round < Number(ROUNDS); round++)
    for (const [name, { ask }] of Object.entries(running)) {
      const isSlow = name === 'stock' || name === 'plain'
      if (isSlow && (round !== 0 || (side === 'image' && batch > 1))) continue
      if (name === 'plain' && side === 'text') continue
      const { ms } = await ask(request)
      if (round >= 0) times[name].push(ms)
    }
  const cells = Object.entries(times)
    .filter(([, values]) => values.length > 0)
    .map(
      ([name, values]) =>
        `${name} ${median(values).toFixed(0)} ms (${(median(values) / median(times.ours)).toFixed(2)}x)`,
    )
  console.log(`${side}, batch ${batch}${length ? `, ${length} tokens` : ''}`.padEnd(28), cells.join('   '))
}
for (const { stop } of Object.values(running)) stop()
