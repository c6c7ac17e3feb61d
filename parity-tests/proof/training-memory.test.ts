import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { smallModel, smallTrainer } from '../src/small-training'
import { record } from './record'

const STEPS = 2000
// What is garbage already says nothing of what a step leaves.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

it(`${STEPS} steps leave memory flat`, async () => {
  const model = await smallModel()
  const seen: number[] = []
  await smallTrainer(model, { steps: STEPS }).run({
    onStep: ({ step }) => {
      if (step % 100 === 0) {
        collectGarbage()
        seen.push(Math.round(resident()))
      }
    },
  })
  await model.dispose()
  const [early, late] = [seen.slice(4, 8), seen.slice(-4)].map((values) => Math.min(...values)) as [number, number]
  await record('training-memory', { what: 'resident memory in MB, every 100 steps of training', steps: STEPS, seen })
  expect(late - early).toBeLessThan(30)
})
