// @dual-encoder/onnx against onnxruntime-node on PyTorch's own export of the same model, and PyTorch itself, interleaved:
// `npm run build && PYTHON=<a Python with torch, transformers and onnx> node tools/bench/onnx.mjs`.
// THREADS (default 2), LOADS (fresh processes a side, default 7) and ROUNDS (default 15) are variables too.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild } from './child.mjs'
import { median } from './median.mjs'
import { writeRatios } from './ratios.mjs'

const { PYTHON = 'python3', THREADS = '2', LOADS = '7', ROUNDS = '15' } = process.env
/** Milliseconds before each call: the threads of the side before spin on for a while and would slow this one. */
const PAUSE = 200
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const CHECKPOINT = path('../../.cache/bench/vit-bert')
const EXPORT = path('../../.cache/bench/export')
const python = (script, ...args) => execFileSync(PYTHON, [path(`python/${script}`), ...args], { stdio: 'ignore' })

if (!existsSync(`${CHECKPOINT}/model.safetensors`)) python('make_model.py', CHECKPOINT)
if (!existsSync(`${EXPORT}/text.onnx`)) python('export_onnx.py', CHECKPOINT, EXPORT)

const startNode = (kind) =>
  startChild(process.execPath, [path('onnx-child.mjs'), kind, kind === 'export' ? EXPORT : CHECKPOINT, THREADS])
const startPython = () => startChild(PYTHON, [path('python/time_torch.py'), CHECKPOINT, THREADS])

const start = { ours: () => startNode('ours'), 'low-memory': () => startNode('low-memory') }
const sides = { ...start, export: () => startNode('export'), PyTorch: startPython }

const SERIES = { ours: 'ours', 'low-memory': 'ours, lowMemory', PyTorch: 'PyTorch' }
const ratios = {}

function report(title, unit, values) {
  const of = (name) => median(values[name])
  const cells = Object.keys(values).map((name) => {
    const ratio = name === 'export' ? '' : ` (${(of(name) / of('export')).toFixed(2)}x)`
    return `${name} ${of(name).toFixed(of(name) < 100 ? 1 : 0)} ${unit}${ratio}`
  })
  console.log(`${title.padEnd(32)} ${cells.join('   ')}`)
  ratios[title] = Object.keys(SERIES).map((name) => of(name) / of('export'))
}

const collect = () => Object.fromEntries(Object.keys(sides).map((name) => [name, []]))
console.log(`ViT-B/16 + BERT-base, random weights, ${THREADS} threads; medians, in brackets the ratio to the export.`)

const [loading, memory] = [collect(), collect()]
for (let round = 0; round < Number(LOADS); round++)
  for (const [name, begin] of Object.entries(sides)) {
    const side = begin()
    const first = await side.next()
    side.stop()
    loading[name].push(first.ms)
    memory[name].push(first.memory)
  }
report('load to first image embedding', 'ms', loading)
report('peak memory, image side', 'MB', memory)

const running = Object.fromEntries(Object.entries(sides).map(([name, begin]) => [name, begin()]))
await Promise.all(Object.values(running).map(({ next }) => next()))
for (const request of [
  { side: 'image', batch: 1 },
  { side: 'image', batch: 8 },
  { side: 'text', batch: 1, length: 16 },
  { side: 'text', batch: 8, length: 32 },
]) {
  const times = collect()
  for (let round = -2; round < Number(ROUNDS); round++)
    for (const [name, side] of Object.entries(running)) {
      await setTimeout(PAUSE)
      const { ms } = await side.ask(request)
      if (round >= 0) times[name].push(ms)
    }
  const { side, batch, length } = request
  report(`${side}, batch ${batch}${length ? `, ${length} tokens` : ''}`, 'ms', times)
}
for (const { stop } of Object.values(running)) stop()
writeRatios('onnx', { against: "onnxruntime-node on PyTorch's export", series: Object.values(SERIES), rows: ratios })
