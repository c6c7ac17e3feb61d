import type { EncoderSpec, Param } from '@dual-encoder/core/backend'
import { InferenceSession } from 'onnxruntime-node'
import { expect, it, vi } from 'vitest'
import { int8Plan } from './plan'
import { saturates } from './saturates'

const encoder = (kind: 'vision' | 'text') => ({ kind }) as EncoderSpec
const weight = { name: 'w', shape: [64, 64], init: { kind: 'zeros' } } as unknown as Param

it.each(['int8', 'int8-fast'] as const)('has rows for pictures, of parts of a weight as well, in %s', (dtype) => {
  const plan = int8Plan(encoder('vision'), dtype, false)
  expect(plan(weight, 'pooled')).toBeUndefined()
  expect(plan(weight)).toMatchObject({ form: 'rows' })
  expect(plan({ ...weight, rows: [0, 32] })).toMatchObject({ form: 'rows' })
  expect(plan({ ...weight, shape: [64] })).toBeUndefined()
})

it('has turned rows for texts, but words for what is attended to (int8) and rows as they are of an activation (int8-fast)', () => {
  const [careful, fast] = (['int8', 'int8-fast'] as const).map((dtype) => int8Plan(encoder('text'), dtype, false))
  const forms = (['attended', 'scores', 'activated', undefined] as const).map((part) => [
    careful!(weight, part),
    fast!(weight, part),
  ])
  const turned = { form: 'rows', outliers: 'turned' }
  const both = { form: 'rows', outliers: 'balanced and turned' }
  expect(forms).toEqual([
    [{ form: 'words' }, turned],
    [turned, turned],
    [both, { form: 'rows', outliers: 'balanced' }],
    [both, turned],
  ])
})

it.each(['int8', 'int8-fast'] as const)('has none where the engine loses what rows add up to, in %s', (dtype) => {
  for (const kind of ['vision', 'text'] as const)
    expect(int8Plan(encoder(kind), dtype, true)(weight, 'attended')).toMatchObject({ form: 'blocks' })
})

it('asks the engine once whether its sums stop at 16 bits', async () => {
  const created = vi.spyOn(InferenceSession, 'create')
  const [first, second] = await Promise.all([saturates({}), saturates({})])
  expect(created).toHaveBeenCalledTimes(1)
  expect([first, typeof second]).toEqual([second, 'boolean'])
  created.mockRestore()
})
