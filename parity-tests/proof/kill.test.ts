import { join } from 'node:path'
import { readSafetensors } from '@dual-encoder/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TrainingProgram } from '../src/kill'
import { random } from './faults'
import { record } from './record'

const KILLS = 10
const STEPS = 16
/** Milliseconds after the line of a step in which a kill falls: a step, what is saved every second one, an evaluation. */
const WITHIN = 600
let program: TrainingProgram
beforeAll(async () => void (program = await TrainingProgram.build(STEPS)))
afterAll(() => program.dispose())

const lossesIn = (lines: readonly string[]) => lines.filter((line) => line.startsWith('step'))

it(`kill -9 at ${KILLS} random moments: the run goes on to the same end, to the bit`, async () => {
  const straight = lossesIn(await program.run('straight'))
  const next = random(19)
  const wanted = await readSafetensors(join(program.folder, 'straight', 'model.safetensors'))
  const kills: { step: number; after: number; done: number; from: number }[] = []
  const moments = Array.from(
    { length: KILLS },
    () => [1 + Math.floor(next() * (STEPS - 3)), Math.round(next() * WITHIN)] as const,
  )
  for (const [i, [step, after]] of moments.entries()) {
    const name = `killed-${i}`
    const before = lossesIn(await program.run(name, { line: `step ${step} `, after }))
    expect(before.length).toBeLessThan(STEPS)
    const resumed = lossesIn(await program.run(name))
    expect(straight.slice(0, before.length)).toEqual(before)
    expect(straight.slice(straight.length - resumed.length)).toEqual(resumed)
    const found = await readSafetensors(join(program.folder, name, 'model.safetensors'))
    for (const [key, { data }] of wanted) expect(found.get(key)!.data, key).toEqual(data)
    kills.push({ step, after, done: before.length, from: straight.length - resumed.length })
  }
  await record('training-kill', {
    what: 'kill -9 in training: milliseconds after the line of a step, steps done by then, the step from which the next process went on',
    steps: STEPS,
    kills,
    differences: 0,
  })
}, 1_800_000)
