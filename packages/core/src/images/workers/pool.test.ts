import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { decoder } from '#decoder'
import { platform } from '#platform'
import { createImageProcessor } from '../processors/processor'
import { workersStarted } from './pool'

const picture = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 }
const file = () => new Blob([Uint8Array.from(atob(PNG), (char) => char.charCodeAt(0))])
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

it('waits for workers that neither start nor fail, once', async () => {
  vi.spyOn(decoder, 'workerScript').mockResolvedValue({ text: '' })
  const start = vi.spyOn(platform, 'startThread').mockReturnValue(new Promise(() => undefined))
  const first = performance.now()
  const waiting = workersStarted()
  await vi.advanceTimersByTimeAsync(5000)
  await waiting
  expect(performance.now() - first).toBe(5000)
  expect(start).toHaveBeenCalledTimes(platform.threads)

  const processor = createImageProcessor({ image_processor_type: 'ViTImageProcessor', size: 2 })
  for (let call = 0; call < 3; call++) {
    const { pixelValues } = await processor([file(), file(), picture])
    expect(pixelValues.dims).toEqual([3, 3, 2, 2])
  }
  // Time stands still unless it is advanced: had a call waited, it would wait now.
  expect(performance.now() - first).toBe(5000)
})
