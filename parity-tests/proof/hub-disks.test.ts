import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSource } from '../../packages/core/src/files/source'
import { FakeHub } from '../../tools/hub/fake-hub'
import { record } from './record'

/** Disks are made of memory here, for which Linux wants root. */
const disk = mkdtempSync(join(tmpdir(), 'dual-encoder-disk-'))
let hub: FakeHub

beforeAll(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
  hub = await FakeHub.start()
  hub.repo('org/model').commit({ 'config.json': '{}', 'b.json': '{}', 'model.safetensors': Buffer.alloc(600_000, 3) })
  hub.repo('org/large').commit({ 'model.safetensors': Buffer.alloc(2_000_000, 3) })
})
afterAll(async () => {
  execFileSync('umount', [disk])
  await hub.close()
})

const codeOf = (promise: Promise<unknown>) => promise.catch(({ code }: { code: string }) => code)

it('a disk that is full, or fills up, or is read-only: a typed error, nothing half, and the next call works', async () => {
  const filler = join(disk, 'filler')
  const options = { endpoint: hub.url, cacheDir: join(disk, 'cache') }
  const large = await openSource('org/large', options)
  const fullFromTheStart = await codeOf(large.read('model.safetensors'))

  let filled = false
  const onProgress = () => {
    if (filled) return
    filled = true
    try {
      writeFileSync(filler, Buffer.alloc(2 ** 20))
    } catch {
      // Now it is full.
    }
  }
  const source = await openSource('org/model', { ...options, onProgress })
  const fullMeanwhile = await codeOf(source.read('model.safetensors'))
  const left = readdirSync(options.cacheDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  rmSync(filler)
  const withRoomAgain = (await source.read('model.safetensors'))?.length

  execFileSync('mount', ['-o', 'remount,ro', disk])
  const readOnly = await openSource('org/model', options)
  const keptFile = (await readOnly.read('model.safetensors'))?.length
  const newFile = await codeOf(readOnly.read('b.json'))
  const result = {
    fullFromTheStart,
    fullMeanwhile,
    withRoomAgain,
    readOnlyKeptFile: keptFile,
    readOnlyNewFile: newFile,
  }
  await record('hub-disks', { what: 'Downloads to a disk of 1 MiB, codes of errors and bytes of files.', ...result })
  expect(left).toEqual([])
  expect(result).toEqual({
    fullFromTheStart: 'disk-full',
    fullMeanwhile: 'disk-full',
    withRoomAgain: 600_000,
    readOnlyKeptFile: 600_000,
    readOnlyNewFile: 'cache-not-writable',
  })
})
