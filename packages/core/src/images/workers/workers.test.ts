import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'

import { describe, expect, it } from 'vitest'

import { platform } from '#platform'

import { DualEncoderError } from '../../errors'
import { processorDefaults } from '../processors/defaults'
import { settingsOf } from '../processors/settings'
import { runJob, type Planes, type Task } from './job'
import { runOnWorker, workersStarted } from './pool'

const FILES = new URL('../../../../../parity-tests/fixtures/images/files/', import.meta.url)
const settings = settingsOf('CLIPImageProcessor', {
  ...processorDefaults('CLIPImageProcessor'),
  size: { shortest_edge: 30 },
})
const task = { settings, backend: 'torchvision', maxPixels: 1e8 } satisfies Task

/** What became of a job, to compare. */
const outcome = (job: Promise<Planes | undefined>) =>
  job.then(
    (planes) => planes && { ...planes, data: createHash('sha256').update(planes.data).digest('hex') },
    (error: unknown) => {
      if (!(error instanceof DualEncoderError)) throw error
      return { name: error.name, code: error.code, message: error.message }
    },
  )

describe('workers', () => {
  it(
    'gives the planes and the errors that the thread of the caller gives, for every file',
    { timeout: 60_000 },
    async () => {
      await workersStarted()
      const outcomes = new Set<string>()
      for (const name of await readdir(FILES))
        for (const backend of ['torchvision', 'pil'] as const) {
          const bytes = await readFile(new URL(name, FILES))
          const here = await outcome(runJob(bytes, { ...task, backend }, platform.decodeImage))
          const there = await outcome(runOnWorker(bytes, { ...task, backend }))
          expect(there, name).toEqual(here)
          outcomes.add((here as { code?: string }).code ?? 'planes')
        }
      expect([...outcomes].sort()).toEqual(['image-corrupt', 'image-unsupported-format', 'planes'])
    },
  )
})
