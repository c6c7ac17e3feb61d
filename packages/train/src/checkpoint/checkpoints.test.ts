import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor, type Writer } from '@dual-encoder/core'
import { openTarget } from '@dual-encoder/core/backend'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CheckpointParts, Checkpoints } from './checkpoints'

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'run-')), 'output')
})
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }))

const parts = (step: number, more: Partial<CheckpointParts> = {}): CheckpointParts => ({
  step,
  tensors: new Map([['mean/w', tensor([step, 0.1 * step], [2])]]),
  state: { seed: 3, loader: { epoch: 1, batches: step } },
  save: (target) => target.write('model.safetensors', [Uint8Array.of(step)]),
  ...more,
})
const modelOf = async (source: { read(name: string): Promise<Uint8Array | undefined> }) =>
  (await source.read('model.safetensors'))![0]

describe('checkpoints', () => {
  it('come back as they were', async () => {
    const checkpoints = new Checkpoints(folder)
    expect(await checkpoints.load()).toBeUndefined()
    expect(await checkpoints.save(parts(5))).toBe('checkpoint-5')
    const loaded = (await new Checkpoints(folder).load())!
    expect(loaded).toMatchObject({ name: 'checkpoint-5', step: 5, state: parts(5).state })
    expect(loaded.tensors).toEqual(parts(5).tensors)
    expect(await modelOf(loaded.source)).toBe(5)
  })

  it('stay as many as were asked for, the best besides', async () => {
    const checkpoints = new Checkpoints(folder, { keep: 2 })
    for (const step of [1, 2, 3, 4, 5]) await checkpoints.save(parts(step, { best: step === 2 }))
    expect((await readdir(folder)).sort()).toEqual(['checkpoint-2', 'checkpoint-4', 'checkpoint-5', 'checkpoints.json'])
    expect((await checkpoints.load('best'))?.step).toBe(2)
    await checkpoints.save(parts(6, { best: true }))
    expect((await readdir(folder)).sort()).toEqual(['checkpoint-5', 'checkpoint-6', 'checkpoints.json'])
  })

  it('leave the one before whole, whichever write the disk has no room for', async () => {
    await new Checkpoints(folder).save(parts(1))
    const target = await openTarget(folder)
    for (let room = 0; room < 4; room++) {
      let left = room
      const full: Writer = {
        write: async (name, chunks) => {
          if (left-- <= 0) throw new Error('ENOSPC')
          await target.write(name, chunks)
        },
      }
      const checkpoints = new Checkpoints({ source: folder, target: full })
      await expect(checkpoints.save(parts(2))).rejects.toThrow('ENOSPC')
      const loaded = (await checkpoints.load())!
      expect([loaded.step, await modelOf(loaded.source)]).toEqual([1, 1])
    }
    await new Checkpoints(folder).save(parts(2))
    expect((await new Checkpoints(folder).load())?.step).toBe(2)
  })

  it('leave nothing of one that failed', async () => {
    const failing = parts(2, { save: () => Promise.reject(new Error('no')) })
    await expect(new Checkpoints(folder).save(failing)).rejects.toThrow('no')
    expect(await readdir(folder).catch(() => [])).toEqual([])
  })

  it('say what they miss', async () => {
    await new Checkpoints(folder).save(parts(1))
    await rm(join(folder, 'checkpoint-1/trainer.safetensors'))
    await expect(new Checkpoints(folder).load()).rejects.toThrow(/lacks trainer\.json or trainer\.safetensors/)
    await writeFile(join(folder, 'checkpoints.json'), '{')
    await expect(new Checkpoints(folder).load()).rejects.toThrow(/checkpoints\.json .* is not JSON/)
    expect(() => new Checkpoints(folder, { keep: 0 })).toThrow(/keep is 0/)
  })
})
