import { readdirSync, readFileSync } from 'node:fs'

import { createImageProcessor, DualEncoderError, loadImage } from '@dual-encoder/core'
import { describe, expect, it } from 'vitest'

import { generator, mutated } from './mutate'
import type { ProcessorFixture } from './processors'

const folder = new URL('../../fixtures/images/', import.meta.url)
const CASES = 2000
const LIMIT_MS = 5000
const GROWTH_BYTES = 200e6

const VALUES: unknown[] = [
  null,
  -1,
  0,
  1e9,
  0.5,
  NaN,
  '',
  'x',
  [],
  [1],
  [1, 2, 3, 4],
  {},
  { height: 3 },
  true,
  '__proto__',
]

function mutatedConfig(config: Record<string, unknown>, random: (limit: number) => number): Record<string, unknown> {
  const copy = structuredClone(config)
  const keys = ['size', 'crop_size', 'resample', 'image_mean', 'image_std', 'rescale_factor', 'do_pad', 'pad_size']
  for (let i = 0; i <= random(3); i++) {
    const all = [...Object.keys(copy), ...keys, 'do_resize', 'do_center_crop', 'crop_pct', 'image_processor_type']
    copy[all[random(all.length)]!] = VALUES[random(VALUES.length)]
  }
  return copy
}

/** Runs all; every failure must be one of ours, none may take long, and memory must not pile up. */
async function fuzz(run: (index: number) => Promise<unknown>): Promise<{ succeeded: number; failures: string[] }> {
  const before = process.memoryUsage().rss
  const failures: string[] = []
  let succeeded = 0
  for (let index = 0; index < CASES; index++) {
    const start = performance.now()
    try {
      await run(index)
      succeeded++
    } catch (error) {
      if (!(error instanceof DualEncoderError)) failures.push(`${index}: ${String(error)}`)
    }
    const time = performance.now() - start
    if (time > LIMIT_MS) failures.push(`${index}: ${time} ms`)
  }
  const growth = process.memoryUsage().rss - before
  if (growth > GROWTH_BYTES) failures.push(`memory grew by ${growth} bytes`)
  return { succeeded, failures }
}

describe('damaged input', () => {
  it(`gives a picture or a typed error for ${CASES} mutated files`, { timeout: 300_000 }, async () => {
    const files = readdirSync(new URL('files/', folder)).sort()
    const bytes = files.map((name) => new Uint8Array(readFileSync(new URL(`files/${name}`, folder))))
    const random = generator(1)
    const { succeeded, failures } = await fuzz((index) => {
      const file = bytes[index % bytes.length]!
      return loadImage(mutated(file, random), { maxPixels: 1e7 })
    })
    expect(failures).toEqual([])
    expect(succeeded).toBeGreaterThan(CASES / 20)
    expect(succeeded).toBeLessThan(CASES)
  })

  it(`gives a tensor or a typed error for ${CASES} mutated preprocessor configs`, { timeout: 300_000 }, async () => {
    const fixture = JSON.parse(readFileSync(new URL('processors.json', folder), 'utf8')) as ProcessorFixture
    const image = { data: new Uint8Array(40 * 30 * 3).fill(9), width: 40, height: 30, channels: 3 }
    const random = generator(2)
    const { succeeded, failures } = await fuzz(async (index) => {
      const { config } = fixture.cases[random(fixture.cases.length)]!
      const processor = createImageProcessor(mutatedConfig(config, random), {
        backend: index % 2 ? 'pil' : 'torchvision',
      })
      return processor(image, { maxPixels: 1e6 })
    })
    expect(failures).toEqual([])
    expect(succeeded).toBeGreaterThan(CASES / 20)
    expect(succeeded).toBeLessThan(CASES)
  })
})
