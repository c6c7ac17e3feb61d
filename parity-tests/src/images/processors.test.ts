import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

import { createImageProcessor } from '@dual-encoder/core'
import { describe, expect, it, vi } from 'vitest'

import { bmpFile, draw } from './draw'
import { checkProcessor, type OlderCase, type ProcessorFixture } from './processors'

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/images/${name}`, import.meta.url), 'utf8')) as unknown
const fixture = read('processors.json') as ProcessorFixture
const older = (read('pillow-12.json') as { cases: OlderCase[] }).cases

describe.each(['torchvision', 'pil'] as const)('image processors, %s backend', (backend) => {
  it('holds at least 400 tensors of at least 7 classes', () => {
    const tensors = fixture.cases.filter((item) => 'sha256' in item[backend])
    expect(tensors.length).toBeGreaterThanOrEqual(400)
    expect(new Set(tensors.map((item) => item.config.image_processor_type ?? 'old')).size).toBeGreaterThanOrEqual(7)
  })

  it('equals transformers bit for bit, and fails where it fails', async () => {
    const differences: string[] = []
    for (const item of fixture.cases) {
      const difference = await checkProcessor(item, backend)
      if (difference) differences.push(difference)
    }
    expect(differences).toEqual([])
  })

  it('does so on workers, which files are given to', async () => {
    const warm = bmpFile(draw('noise', 9, 9, 1))
    await createImageProcessor({ image_processor_type: 'ViTImageProcessor' })([warm, warm])
    const posts = vi.spyOn(Worker.prototype, 'postMessage')
    const differences: string[] = []
    for (const item of fixture.cases) {
      const difference = await checkProcessor(item, backend, true)
      if (difference) differences.push(difference)
    }
    expect(differences).toEqual([])
    expect(posts.mock.calls.length).toBeGreaterThanOrEqual(400)
    posts.mockRestore()
  })
})

it('pillow: 12 gives what Pillow 12 gave, also where the newest gives something else', async () => {
  const key = ({ config, image }: OlderCase) => JSON.stringify([config, image])
  const apart = new Map(older.map((item) => [key(item), item]))
  expect(apart.size).toBeGreaterThanOrEqual(20)
  const differences: string[] = []
  for (const item of fixture.cases) {
    const difference = await checkProcessor(apart.get(key(item)) ?? item, 'pil', false, { pillow: 12 })
    if (difference) differences.push(difference)
  }
  expect(differences).toEqual([])
})
