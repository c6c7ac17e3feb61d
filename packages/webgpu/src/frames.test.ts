import { createImageProcessor, type ImageProcessor } from '@dual-encoder/core'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebGpuEngine } from './engine'
import { preparedFrames, uploadables, type Frame } from './frames'

const engine = new WebGpuEngine({})
beforeAll(() => engine.start())
afterAll(() => engine.leave())

/** Waves of several lengths, so that every filter has work. */
function picture(width: number, height: number) {
  const data = new Uint8Array(3 * width * height)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < 3; channel++, i++)
        data[i] = 127 + 80 * Math.sin((x * (channel + 1)) / 9 + y / 13) + 40 * Math.sin((x * y) / 97)
  return { data, width, height, channels: 3 as const }
}

const MEAN_STD = { image_mean: [0.48, 0.46, 0.41], image_std: [0.27, 0.26, 0.28] }
const processors: Record<string, ImageProcessor> = {
  ViT: createImageProcessor({ image_processor_type: 'ViTImageProcessor', size: { height: 32, width: 48 } }),
  CLIP: createImageProcessor({
    image_processor_type: 'CLIPImageProcessor',
    size: { shortest_edge: 40 },
    crop_size: { height: 32, width: 32 },
    ...MEAN_STD,
  }),
  'CLIP on zeros': createImageProcessor({
    image_processor_type: 'CLIPImageProcessor',
    size: { shortest_edge: 20 },
    crop_size: { height: 32, width: 32 },
    ...MEAN_STD,
  }),
}

describe('frames on the GPU', () => {
  it.each(Object.keys(processors))("are close to the processor's pixels: %s", async (name) => {
    const processor = processors[name]!
    for (const [width, height] of [
      [64, 48],
      [97, 203],
      [30, 20],
      [32, 32],
    ] as const) {
      const raw = picture(width, height)
      const { pixelValues } = await processor(raw)
      const given = tf.tidy(() =>
        preparedFrames([tf.tensor3d(Int32Array.from(raw.data), [height, width, 3], 'int32')], processor),
      )
      expect(given.shape).toEqual(pixelValues.dims)
      const data = await given.data()
      for (const { error } of engine.device!.backend.takeTrials()) expect((await error)?.message).toBeUndefined()
      const { factor = 1, std = [1, 1, 1] } = processor.placementOf(raw).normalization
      // One level of a byte: the processor rounds to bytes between its two passes, the kernel once behind both.
      const level = factor / Math.min(...std)
      const off = pixelValues.data.map((value, i) => Math.abs(value - data[i]!) / level)
      expect(Math.max(...off)).toBeLessThan(2.01)
      expect(off.reduce((sum, value) => sum + value, 0) / off.length).toBeLessThan(0.25)
      given.dispose()
    }
  })

  it('are refused where the kernel has no such filter', () => {
    const processor = createImageProcessor({ image_processor_type: 'ViTImageProcessor', resample: 1 })
    expect(() => tf.tidy(() => preparedFrames([tf.zeros([9, 9, 3], 'int32')], processor))).toThrow(
      /bilinear or bicubic/,
    )
  })
})

describe('bitmaps of frames', () => {
  it('are closed where one of them cannot be made', async () => {
    class VideoFrame {}
    const close = vi.fn()
    vi.stubGlobal('VideoFrame', VideoFrame)
    vi.stubGlobal(
      'createImageBitmap',
      vi
        .fn()
        .mockResolvedValueOnce({ close })
        .mockRejectedValueOnce(new Error('detached'))
        .mockResolvedValue({ close }),
    )
    try {
      const frames = [new VideoFrame(), new VideoFrame(), new VideoFrame()] as unknown as Frame[]
      await expect(uploadables(frames)).rejects.toThrow('detached')
      expect(close).toHaveBeenCalledTimes(2)
    } finally {
      vi.unstubAllGlobals()
    }
  })
})
