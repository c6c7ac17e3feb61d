import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoints } from '@dual-encoder/train'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { losses, smallModel } from '../src/small-training'
import { record } from './record'

/** A disk made of memory, for which Linux wants root. */
const disk = mkdtempSync(join(tmpdir(), 'dual-encoder-disk-'))
const STEPS = 12
const [FULL, STOPPED] = [4, 8]

beforeAll(() => void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]))
afterAll(() => void execFileSync('umount', [disk]))

const filler = join(disk, 'filler')
function fill(): void {
  for (const size of [2 ** 16, 2 ** 12, 1])
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(size))
    } catch {
      // No room for so much.
    }
}

it('a disk that is full while checkpoints are written: counted, named, survived; the last good one goes on', async () => {
  const options = { steps: STEPS, saveEvery: 1 }
  const straight = await losses(await smallModel(), options)

  const output = join(disk, 'run')
  const warnings: string[] = []
  const begun = await losses(
    await smallModel(),
    {
      ...options,
      output,
      onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
    },
    STOPPED,
    (step) => step === FULL && fill(),
  )
  const good = await new Checkpoints(output).load()
  rmSync(filler)
  const resumed = await losses(await smallModel(), { ...options, output })
  const last = await new Checkpoints(output).load()
  await record('training-disks', {
    what: 'A disk of 4 MiB that is full from a step on: what the run says, its last good checkpoint, and from where it goes on.',
    fullFrom: FULL,
    stopped: begun.length,
    warnings: warnings.map((warning) => warning.replaceAll(disk, '')),
    lastGood: good?.step,
    resumedFrom: resumed[0]![0],
    sameLosses: JSON.stringify([...straight.slice(0, good!.step), ...resumed]) === JSON.stringify(straight),
  })
  expect(begun).toEqual(straight.slice(0, STOPPED))
  expect(warnings.length).toBeGreaterThan(0)
  for (const warning of warnings)
    expect(warning).toMatch(/^checkpoint-failed: Step \d+: .*(ENOSPC|no space|disk is full)/)
  expect(good!.step).toBeLessThan(FULL + 1)
  expect(good!.step).toBeGreaterThan(0)
  expect(resumed).toEqual(straight.slice(good!.step))
  expect(last!.step).toBe(STEPS)
})
