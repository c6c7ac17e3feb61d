// The recipe of the shipped model, tools/recipes/lit-pictures.mjs, step by step beside the same in PyTorch: the same batches
// out of the trainer's cache, the same parameters at the start, optimizer, schedule and running mean.
//   npm run build && PYTHON=<a Python with torch and transformers> node tools/bench/lit-pictures.mjs [what the recipe takes]
// The recipe runs as it is, ROUNDS (4) times STEPS (8) of it behind WARM (3), and PyTorch, eager and sdpa, takes the steps of each
// round after it. Prints losses side by side and the time of a step. DROPOUT=false drops nothing on either side: then the
// losses are the same but for rounding. THREADS (2) are PyTorch's; ours are as many as there are cores. PYTHON may begin with a
// command that runs it. `npm run model:pictures` first, or the recipe fills the cache.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { tensor, writeSafetensors } from '@dual-encoder/core'
import { VisionTextDualEncoderModel } from '@dual-encoder/onnx'
import { startChild } from './child.mjs'
import { median } from './median.mjs'

const { PYTHON = 'python3', THREADS = '2', ROUNDS = '4', STEPS = '8', WARM = '3', DROPOUT = 'true' } = process.env
const [rounds, steps, warm] = [ROUNDS, STEPS, WARM].map(Number)
/** Those that the recipe's schedule is laid out for. */
const ALL_STEPS = 600
const folder = mkdtempSync('.cache/lit-pictures-')
process.on('exit', () => rmSync(folder, { recursive: true }))

const script = fileURLToPath(new URL('python/train_lit_pictures.py', import.meta.url))
const [command, ...before] = PYTHON.split(' ')
let torch
/** The answer to a line of JSON. Started late: what runs PyTorch may hold everything else. */
const ask = (request) =>
  (torch ??= startChild(command, [...before, script, folder, THREADS, String(ALL_STEPS), DROPOUT])).ask(request)

/** @type {Record<string, { losses: number[], norms: number[], ms: number[], cpu: number[] }>} */
const sides = Object.fromEntries(
  ['ours', 'eager', 'sdpa'].map((key) => [key, { losses: [], norms: [], ms: [], cpu: [] }]),
)
const add = (side, { losses, norms, ms, cpu }, isTimed) => {
  side.losses.push(...losses)
  side.norms.push(...norms)
  if (isTimed) {
    side.ms.push(ms)
    side.cpu.push(cpu)
  }
}
const usedCpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Steps of ours in the round that runs: their batches, and what came of them. */
let taken = []
let start = { at: 0, cpu: 0 }
let round = 0

/** PyTorch's turn, with the batches that ours had. */
async function endRound() {
  const [ms, cpu] = [performance.now() - start.at, usedCpu() - start.cpu].map((value) => value / taken.length)
  const isTimed = round > 0
  add(
    sides.ours,
    { losses: taken.map(({ loss }) => loss), norms: taken.map(({ gradNorm }) => gradNorm), ms, cpu },
    isTimed,
  )
  const batches = taken.map(({ inputs: { imagePooled, textEntering, attentionMask, positives } }, i) => {
    const file = `${folder}/${i}.safetensors`
    const { hidden } = textEntering
    writeFileSync(
      file,
      writeSafetensors(
        new Map([
          ['images', imagePooled],
          ['texts', tensor(hidden.data, hidden.dims)],
          ['mask', attentionMask],
          ['positives', positives],
        ]),
      ),
    )
    return file
  })
  for (const attention of round % 2 ? ['eager', 'sdpa'] : ['sdpa', 'eager'])
    add(sides[attention], await ask({ attention, batches }), isTimed)
  console.error(
    `round ${round}: ${Object.entries(sides)
      .map(([key, { losses, ms }]) => `${key} ${losses.at(-1).toFixed(4)}, ${ms.at(-1)?.toFixed(0)} ms`)
      .join('; ')}`,
  )
  taken = []
  round++
}

const { train } = VisionTextDualEncoderModel.prototype
VisionTextDualEncoderModel.prototype.train = async function (plan) {
  await this.savePretrained(folder)
  const run = await train.call(this, plan)
  const step = run.step.bind(run)
  run.step = async (inputs, { dropoutSeed, nextDropoutSeed, ...options }) => {
    if (taken.length === 0) start = { at: performance.now(), cpu: usedCpu() }
    const result = await step(inputs, DROPOUT === 'true' ? { ...options, dropoutSeed, nextDropoutSeed } : options)
    taken.push({ inputs, ...result })
    if (taken.length === (round > 0 ? steps : warm)) await endRound()
    if (round > rounds) report()
    return result
  }
  return run
}

const each = (values, digits) => values.map((value) => value.toFixed(digits)).join(' ')

function report() {
  const { ours, eager, sdpa } = sides
  for (const [key, { losses, ms, cpu }] of Object.entries(sides)) {
    console.log(`${key}: ${each([median(ms)], 0)} ms a step (${each(ms, 0)}), ${each([median(cpu)], 0)} ms of CPU`)
    console.log(`  losses ${each(losses, 4)}`)
  }
  const faster = eager.ms.map((value, i) => Math.min(value, sdpa.ms[i]))
  const ratios = ours.ms.map((value, i) => value / faster[i])
  console.log(`ours of the faster of eager and sdpa in each round: ${each([median(ratios)], 2)}x (${each(ratios, 2)})`)
  for (const [name, a, b] of [
    ['ours and eager', ours, eager],
    ['eager and sdpa', eager, sdpa],
  ])
    for (const what of ['losses', 'norms']) {
      const apart = a[what].map((value, i) => Math.abs(value - b[what][i]))
      const mean = apart.reduce((sum, value) => sum + value, 0) / apart.length
      console.log(
        `${name}, ${what} of ${apart.length} steps: ${mean.toExponential(1)} apart on average, at most ${Math.max(...apart).toExponential(1)}`,
      )
    }
  torch.stop()
  process.exit(0)
}

process.argv.push('--steps', String(ALL_STEPS), '--output', `${folder}/run`)
await import('../recipes/lit-pictures.mjs')
