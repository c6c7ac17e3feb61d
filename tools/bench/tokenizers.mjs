// Tokenization of captions, one call each on one thread, interleaved in one run:
// `npm run build && node tools/bench/tokenizers.mjs`. PYTHON names a Python with `tokenizers` (default python3);
// @huggingface/tokenizers is the engine that transformers.js uses.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Tokenizer } from '@dual-encoder/core'
import { Tokenizer as Stock } from '@huggingface/tokenizers'
import { median } from './median.mjs'

const FIXTURES = fileURLToPath(new URL('../../parity-tests/fixtures/text', import.meta.url))
const ROUNDS = Number(process.env.ROUNDS ?? 7)
const CAPTIONS = 5000

const PYTHON = `
import sys, json, time
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
captions = json.load(open(sys.argv[2]))
for caption in captions: tokenizer.encode(caption)
start = time.perf_counter()
for caption in captions: tokenizer.encode(caption).ids
print((time.perf_counter() - start) / len(captions) * 1e6)
`

/** English captions of 8 to 14 words, hardly two alike. */
async function captionsOf() {
  const words = JSON.parse(await readFile(join(FIXTURES, 'strings.json'), 'utf8')).scripts[0]
  let state = 1
  const below = (n) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % n
  return Array.from({ length: CAPTIONS }, () =>
    Array.from({ length: 8 + below(7) }, () => words[below(words.length)]).join(' '),
  )
}

/** Microseconds for each caption. */
function time(run, captions) {
  const start = performance.now()
  for (const caption of captions) run(caption)
  return ((performance.now() - start) / captions.length) * 1000
}

const folder = await mkdtemp(join(tmpdir(), 'bench-'))
const captions = await captionsOf()
await writeFile(join(folder, 'captions.json'), JSON.stringify(captions))
console.log('family        ours   stock engine   Rust through Python   (us for each caption; ratios to ours)')
for (const family of ['bert', 'roberta', 'clip', 'xlm-roberta']) {
  const ours = await Tokenizer.fromPretrained(join(FIXTURES, family))
  await ours.savePretrained(folder)
  const json = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'))
  const stock = new Stock(json, JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')))
  const runs = { ours: (text) => ours(text), stock: (text) => stock.encode(text) }
  const times = { ours: [], stock: [], rust: [] }
  for (const run of Object.values(runs)) time(run, captions)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(runs)) times[name].push(time(run, captions))
    const files = [join(folder, 'tokenizer.json'), join(folder, 'captions.json')]
    const env = { ...process.env, TOKENIZERS_PARALLELISM: 'false', RAYON_NUM_THREADS: '1' }
    times.rust.push(Number(execFileSync(process.env.PYTHON ?? 'python3', ['-c', PYTHON, ...files], { env })))
  }
  const [a, b, c] = [median(times.ours), median(times.stock), median(times.rust)]
  const cell = (value) => `${value.toFixed(1)} (${(value / a).toFixed(2)}x)`
  console.log(`${family.padEnd(12)} ${a.toFixed(1).padStart(5)}   ${cell(b).padEnd(14)} ${cell(c)}`)
}
await rm(folder, { recursive: true })
