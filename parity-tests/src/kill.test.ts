import { join } from 'node:path'
import { readSafetensors } from '@dual-encoder/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TrainingProgram } from './kill'

let program: TrainingProgram
beforeAll(async () => void (program = await TrainingProgram.build(6)))
afterAll(() => program.dispose())

it('a run that is killed and begun again ends as one that never stopped, to the bit', async () => {
  const straight = await program.run('straight')
  expect(straight.at(-1)).toBe('done')
  expect((await program.run('killed', { line: 'step 3', after: 20 })).length).toBeGreaterThan(3)
  const resumed = await program.run('killed')
  const steps = resumed.filter((line) => line.startsWith('step'))
  expect(steps.length).toBeLessThan(5)
  expect(straight.filter((line) => line.startsWith('step')).slice(-steps.length)).toEqual(steps)
  const [a, b] = await Promise.all(
    ['straight', 'killed'].map((name) => readSafetensors(join(program.folder, name, 'model.safetensors'))),
  )
  expect([...b!.keys()]).toEqual([...a!.keys()])
  for (const [name, { data }] of a!) expect(b!.get(name)!.data, name).toEqual(data)
}, 180_000)
