import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { smallModel, smallTrainer } from '../src/small-training'
import { record } from './record'

const STEPS = 6000
const EVERY = 200
// What is garbage already says nothing of what a step leaves.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

/** What a thousand steps add, by the line that fits best. */
function slopeOf(values: readonly number[]): number {
  const [middle, mean] = [(values.length - 1) / 2, values.reduce((a, b) => a + b) / values.length]
  const apart = values.map((_, i) => i - middle)
  const along = apart.reduce((sum, x, i) => sum + x * (values[i]! - mean), 0)
  return ((along / apart.reduce((sum, x) => sum + x * x, 0)) * 1000) / EVERY
}

it(`${STEPS} steps leave memory flat`, async () => {
  const model = await smallModel()
  const seen: { resident: number; heap: number }[] = []
  await smallTrainer(model, { steps: STEPS }).run({
    onStep: ({ step }) => {
      if (step % EVERY !== 0) return
      collectGarbage()
      seen.push({ resident: resident(), heap: process.memoryUsage().heapTotal / 2 ** 20 })
    },
  })
  await model.dispose()
  const all = seen.map((one) => one.resident)
  const slope = slopeOf(all.slice(seen.length / 2))
  await record('training-memory', {
    what: `MB every ${EVERY} steps of training: resident, and what V8 has reserved for the heap of the thread that asks`,
    steps: STEPS,
    resident: all.map(Math.round),
    heap: seen.map(({ heap }) => Math.round(heap)),
    'MB added by a thousand steps, in the second half': Number(slope.toFixed(2)),
  })
  expect(Math.abs(slope)).toBeLessThan(1)
})
