import { join } from 'node:path'
import { readSafetensors } from '@dual-encoder/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TrainingProgram } from '../src/kill'
import { random } from './faults'
import { record } from './record'

const KILLS = 10
const STEPS = 8
let program: TrainingProgram
beforeAll(async () => void (program = await TrainingProgram.build(STEPS)))
afterAll(() => program.dispose())

const lossesIn = (lines: readonly string[]) => lines.filter((line) => line.startsWith('step'))

it(`kill -9 at ${KILLS} random moments: the run goes on to the same end, to the bit`, async () => {
  const begun = Date.now()
  const straight = lossesIn(await program.run('straight'))
  const next = random(19)
  // The time that a whole run takes, in which the moments lie.
  const whole = Date.now() - begun
  const wanted = await readSafetensors(join(program.folder, 'straight', 'model.safetensors'))
  const kills: { after: number; steps: number; from: number }[] = []
  for (let i = 0; i < KILLS; i++) {
    const name = `killed-${i}`
    const after = Math.round(next() * 0.8 * whole)
    const before = lossesIn(await program.run(name, { line: 'ready', after }))
    const resumed = lossesIn(await program.run(name))
    expect(straight.slice(0, before.length)).toEqual(before)
    expect(straight.slice(straight.length - resumed.length)).toEqual(resumed)
    const found = await readSafetensors(join(program.folder, name, 'model.safetensors'))
    for (const [key, { data }] of wanted) expect(found.get(key)!.data, key).toEqual(data)
    kills.push({ after, steps: before.length, from: straight.length - resumed.length })
  }
  await record('training-kill', {
    what: 'kill -9 in training: milliseconds after the start, steps done, the step from which the next process went on',
    steps: STEPS,
    kills,
    differences: 0,
  })
}, 1_800_000)
