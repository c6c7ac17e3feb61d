import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { record } from './record'

/** Uses the packages as they are built. */
const script = fileURLToPath(new URL('./onnx-memory.mjs', import.meta.url))
const run = (...args: string[]): string => execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' })

/** Bytes resident after each call, in order. */
function measured(family: string): Record<string, number> {
  const folder = mkdtempSync(join(tmpdir(), 'dual-encoder-memory-'))
  try {
    run('make', family, folder)
    return JSON.parse(run('measure', family, folder)) as Record<string, number>
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

it('a tower of ONNX Runtime has one copy of its weights, whatever is asked of it', async () => {
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)
  const result: Record<string, object> = {}
  for (const family of ['vit', 'beit']) {
    const resident = measured(family)
    const { 'before loading': before = 0, features = 0, ...later } = resident
    const most = Math.max(...Object.values(later))
    const mb = Object.fromEntries(Object.entries(resident).map(([name, bytes]) => [name, megabytes(bytes)]))
    result[`${family}-base-16`] = { megabytes: mb, mostToFirst: Number((most / features).toFixed(3)) }
    expect(features - before).toBeGreaterThan(300 * 2 ** 20)
    expect(most / features, JSON.stringify(mb)).toBeLessThan(1.15)
  }
  await record('onnx-memory', {
    what: 'Resident memory of a process with a ViT-B/16 and a BEiT-base (350 MB of weights each) after each call.',
    ...result,
  })
})
