import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tensor } from '@dual-encoder/core'
import type { WeightEntry } from '@dual-encoder/core/backend'
import { expect, it, vi } from 'vitest'
import { Demand } from '../demand'
import type { TensorProto } from '../graph/proto'
import { runtime } from './node'
import type { StoredWeights } from './runtime'

const entry = (name: string, values: number[]): WeightEntry => ({
  name,
  shape: [values.length],
  storage: 'F16',
  read: () => Promise.resolve(tensor(values, [values.length])),
})
const entries = [entry('a', [1, 2]), entry('b', [3, 4, 5])]
const exitListeners = () => process.listeners('exit')

function fileOf({ dataOf, sessionOptions }: StoredWeights) {
  const { session } = sessionOptions.extra as { session: Record<string, string> }
  const { location, ...range } = dataOf(entries[1] as WeightEntry) as Exclude<TensorProto['data'], Uint8Array>
  return { path: join(Object.values(session)[0] as string, location), ...range }
}

it('puts weights that cannot be mapped in a temporary file, and removes it on release', async () => {
  const before = exitListeners().length
  const stored = await runtime.storeWeights(entries)
  const { path, offset, length } = fileOf(stored)
  const bytes = await readFile(path)
  expect([...new Float32Array(bytes.buffer, bytes.byteOffset + offset, length / 4)]).toEqual([3, 4, 5])
  await stored.release()
  expect(existsSync(dirname(path))).toBe(false)
  expect(exitListeners().length).toBe(before)
})

it('removes the file when the process ends before that', async () => {
  const before = exitListeners()
  const stored = await runtime.storeWeights(entries)
  const [added] = exitListeners().filter((listener) => !before.includes(listener))
  const { path } = fileOf(stored)
  expect(existsSync(path)).toBe(true)
  added?.call(process, 0)
  expect(existsSync(dirname(path))).toBe(false)
  await stored.release()
})

it('leaves nothing where a weight cannot be read', async () => {
  const before = exitListeners().length
  const broken = { ...entry('c', [6]), read: () => Promise.reject(new Error('unreadable')) }
  await expect(runtime.storeWeights([...entries, broken])).rejects.toThrow('unreadable')
  expect(exitListeners().length).toBe(before)
})

it('does nothing before it is asked to, and leaves nothing where it never is', async () => {
  const [before, demand] = [exitListeners().length, new Demand()]
  const read = vi.spyOn(entries[0] as WeightEntry, 'read')
  const stored = runtime.storeWeights(entries, demand.asked)
  await demand.begun
  demand.withdraw()
  await expect(stored).rejects.toThrow('not wanted')
  expect(read).not.toHaveBeenCalled()
  expect(exitListeners().length).toBe(before)
})

it('has ONNX Runtime report nothing, unless the program has decided', async () => {
  try {
    vi.stubEnv('ORT_DISABLE_TELEMETRY', undefined)
    await runtime.load(['cpu'], {})
    expect(process.env.ORT_DISABLE_TELEMETRY).toBe('1')
    vi.stubEnv('ORT_DISABLE_TELEMETRY', '0')
    await runtime.load(['cpu'], {})
    expect(process.env.ORT_DISABLE_TELEMETRY).toBe('0')
  } finally {
    vi.unstubAllEnvs()
  }
})
