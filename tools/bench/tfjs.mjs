// @dual-encoder/tfjs on wasm against TensorFlow.js's own kernels, and PyTorch, interleaved, THREADS each (default 2):
// `npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/tfjs.mjs`.
// ROUNDS (default 5) is a variable too. TensorFlow.js's own kernels take part in one round, and not in batches of 8 images.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.mjs'
import { median } from './median.mjs'

const { PYTHON = 'python3', ROUNDS = '5', THREADS = '2' } = process.env
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const CHECKPOINT = path('../../.cache/bench/vit-bert')
if (!existsSync(`${CHECKPOINT}/model.safetensors`)) execFileSync(PYTHON, [path('python/make_model.py'), CHECKPOINT])

const startNode = (kind) =>
  startChild(process.execPath, [path('tfjs-child.mjs'), kind, CHECKPOINT, kind === 'ours' ? THREADS : '1'])
const running = {
  ours: startNode('ours'),
  PyTorch: startChild(PYTHON, [path('python/time_torch.py'), CHECKPOINT, THREADS]),
  stock: startNode('stock'),
  plain: startNode('plain'),
}
await Promise.all(Object.values(running).map(({ next }) => next()))

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
