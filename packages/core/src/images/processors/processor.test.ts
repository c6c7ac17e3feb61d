import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import sharp, { type Raw } from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { DualEncoderError } from '../../base/errors'
import type { ImageSource, RawPixels } from '../load'
import { createImageProcessor, ImageProcessor, type ImageCallOptions } from './processor'

const vit = { image_processor_type: 'ViTImageProcessor', size: 8 }

function plain(width: number, height: number, value = 100): RawPixels {
  return { data: new Uint8Array(width * height * 3).fill(value), width, height, channels: 3 }
}

describe('transparency', () => {
  const plain = { do_resize: false, do_center_crop: false, do_rescale: false, do_normalize: false, size: 224 }
  const clip = { image_processor_type: 'CLIPImageProcessor', ...plain }
  const half: RawPixels = { data: Uint8Array.of(90, 128), width: 1, height: 1, channels: 2 }
  const clear: RawPixels = { data: Uint8Array.of(10, 20, 30, 0), width: 1, height: 1, channels: 4 }
  const valuesOf = async (processor: ImageProcessor, source: ImageSource, options?: ImageCallOptions) => [
    ...(await processor(source, options)).pixelValues.data,
  ]

  it('of objects becomes white where the processor converts to RGB', async () => {
    const processor = createImageProcessor(clip)
    expect(await valuesOf(processor, half)).toEqual([172, 172, 172])
    expect(await valuesOf(processor, clear)).toEqual([255, 255, 255])
    expect(await valuesOf(processor, sharp(Buffer.of(10, 20, 30, 0), { raw: clear as Raw }))).toEqual([255, 255, 255])
    expect(await valuesOf(processor, clear, { doConvertRgb: false })).toEqual([10, 20, 30])
    for (const type of ['ViTImageProcessor', 'DeiTImageProcessor', 'BeitImageProcessor'])
      expect(await valuesOf(createImageProcessor({ ...clip, image_processor_type: type }), clear)).toEqual([10, 20, 30])
  })

  it('of files is left out', async () => {
    const png = await sharp(Buffer.of(10, 20, 30, 0), { raw: clear as Raw })
      .png()
      .toBuffer()
    const processor = createImageProcessor(clip)
    expect(await valuesOf(processor, png)).toEqual([10, 20, 30])
    expect(await valuesOf(processor, png, { transparency: 'white' })).toEqual([255, 255, 255])
    // By workers too.
    expect(await valuesOf(processor, [png, png] as never, { transparency: [1, 2, 3] })).toEqual([1, 2, 3, 1, 2, 3])
  })

  it('is what the processor or the call says', async () => {
    const processor = createImageProcessor(clip, { transparency: 'drop' })
    expect(await valuesOf(processor, clear)).toEqual([10, 20, 30])
    expect(await valuesOf(processor, clear, { transparency: [0, 128, 255] })).toEqual([0, 128, 255])
    const files = [new File([JSON.stringify(clip)], 'preprocessor_config.json')]
    const loaded = await ImageProcessor.fromPretrained(files, { transparency: [9, 8, 7] })
    expect(await valuesOf(loaded, clear)).toEqual([9, 8, 7])
  })

  it.each(['black', [1, 2], [1, 2, 256], [0.5, 0, 0], null])('is no %j', async (transparency) => {
    expect(() => createImageProcessor(clip, { transparency: transparency as never })).toThrow(/transparency: got/)
    await expect(createImageProcessor(clip)(clear, { transparency: transparency as never })).rejects.toThrow(
      /Allowed: 'drop', 'white', or \[red/,
    )
  })
})

describe('ImageProcessor', () => {
  it('is called like a function and batches what it is given', async () => {
    const processor = createImageProcessor(vit)
    expect(processor).toBeInstanceOf(ImageProcessor)
    expect((await processor(plain(20, 10))).pixelValues.dims).toEqual([1, 3, 8, 8])
    const { pixelValues, ...rest } = await processor([plain(20, 10, 0), plain(5, 9, 255)])
    expect(pixelValues).toMatchObject({ dims: [2, 3, 8, 8], dtype: 'float32' })
    expect([pixelValues.data[0], pixelValues.data.at(-1)]).toEqual([-1, 1])
    expect(rest).toEqual({})
  })

  it('takes overrides for one call', async () => {
    const processor = createImageProcessor(vit)
    const { pixelValues } = await processor(plain(20, 10), {
      size: { shortestEdge: 6 },
      doNormalize: false,
      rescaleFactor: 0.5,
      resample: 'nearest',
    })
    expect(pixelValues.dims).toEqual([1, 3, 6, 12])
    expect(pixelValues.data[0]).toBe(50)
    expect((await processor(plain(20, 10))).pixelValues.dims).toEqual([1, 3, 8, 8])
  })

  it('pads a batch to its largest picture', async () => {
    const processor = createImageProcessor(vit)
    const options = { doResize: false, doNormalize: false, doRescale: false, doPad: true }
    const { pixelValues } = await processor([plain(2, 1, 7), plain(1, 3, 9)], options)
    expect(pixelValues.dims).toEqual([2, 3, 3, 2])
    expect([...pixelValues.data.slice(0, 6)]).toEqual([7, 7, 0, 0, 0, 0])
    expect([...pixelValues.data.slice(18, 24)]).toEqual([9, 0, 9, 0, 9, 0])
  })

  it("writes into the caller's buffer", async () => {
    const out = new Float32Array(2 * 3 * 64 + 5).fill(7)
    const { pixelValues } = await createImageProcessor(vit)([plain(3, 3, 0), plain(4, 4, 0)], { out })
    expect(pixelValues.data.buffer).toBe(out.buffer)
    expect(out.subarray(0, 384).every((value) => value === -1)).toBe(true)
    expect([...out.subarray(384)]).toEqual([7, 7, 7, 7, 7])
  })

  it('leaves bad pictures out when asked to, and says which', async () => {
    const images = [plain(3, 3), new Uint8Array(4), plain(5, 5), '/nowhere.png']
    const { pixelValues, indices, errors } = await createImageProcessor(vit)(images, { onError: 'skip' })
    expect(pixelValues.dims).toEqual([2, 3, 8, 8])
    expect(indices).toEqual([0, 2])
    expect(errors?.map(({ index, error }) => [index, error.code])).toEqual([
      [1, 'image-unsupported-format'],
      [3, 'image-not-found'],
    ])
    const none = await createImageProcessor(vit)([new Uint8Array(4)], { onError: 'skip' })
    expect(none).toMatchObject({ pixelValues: { dims: [0, 3, 0, 0] }, indices: [] })
  })

  it.each<[what: string, images: unknown, options: object, code: string, message: RegExp]>([
    ['a bad picture by its place', [plain(2, 2), new Uint8Array(4)], {}, 'image-unsupported-format', /^images\[1\]: /],
    ['an empty batch', [], {}, 'image-batch-empty', /at least one/],
    [
      'sizes that make no batch',
      [plain(2, 2), plain(3, 2)],
      { doResize: false },
      'image-batch-sizes',
      /images\[1\].*2x3/,
    ],
    ['pictures larger than padSize', plain(9, 9), { doPad: true, padSize: 4 }, 'image-batch-sizes', /padSize 4x4/],
    ['an unknown option', plain(2, 2), { doRezise: false }, 'unknown-option', /doRezise.*doResize/],
    ['a buffer that is too small', plain(2, 2), { out: new Float32Array(5) }, 'image-out-size', /192/],
    ['an unknown onError', plain(2, 2), { onError: 'ignore' }, 'image-on-error', /throw, skip/],
    ['an unknown filter', plain(2, 2), { resample: 7 }, 'image-resample', /0 \("nearest"\)/],
    ['box with torchvision', plain(2, 2), { resample: 'box' }, 'image-resample', /backend: 'pil'/],
    ['a size of no known form', plain(2, 2), { size: { height: 5 } }, 'image-size', /shortest_edge/],
    ['a negative size', plain(2, 2), { size: -5 }, 'image-size', /positive/],
    ['no mean', plain(2, 2), { imageMean: null }, 'image-setting-missing', /imageMean/],
    ['a mean of four channels', plain(2, 2), { imageMean: [1, 2, 3, 4] }, 'image-setting', /imageMean/],
    ['a deviation of zero', plain(2, 2), { imageStd: [1, 0, 1] }, 'image-setting', /imageStd/],
    ['a crop without size', plain(2, 2), { doCenterCrop: true }, 'image-setting-missing', /cropSize/],
    ['a result of no width', plain(1, 4000), { size: { maxHeight: 9, maxWidth: 9 } }, 'image-zero-size', /unequal/],
    ['a result that is too large', plain(1, 4000), { size: { shortestEdge: 9000 } }, 'image-too-large', /resized/],
    ['a concurrency of zero', plain(2, 2), { concurrency: 0 }, 'image-concurrency', /concurrency/],
  ])('refuses %s', async (_, images, options, code, message) => {
    const processor = createImageProcessor(vit)
    const error: unknown = await processor(images as RawPixels, options as ImageCallOptions).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(DualEncoderError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it.each<[what: string, config: object, options: object, code: string, message: RegExp]>([
    [
      'an unknown class',
      { image_processor_type: 'SamImageProcessor' },
      {},
      'unsupported-image-processor',
      /Sam.*ViTImage/,
    ],
    ['no class', {}, {}, 'image-processor-unnamed', /image_processor_type/],
    ['an unknown backend', vit, { backend: 'sharp' }, 'image-backend', /torchvision, pil/],
    ['an unknown option', vit, { fast: true }, 'unknown-option', /fast/],
    ['a config that is a list', [], {}, 'preprocessor-config', /object/],
    ['a size in its config', { ...vit, size: 'big' }, {}, 'image-size', /big/],
  ])('refuses %s', (_, config, options, code, message) => {
    const make = () => createImageProcessor(config, options)
    expect(make).toThrow(message)
    expect(make).toThrow(expect.objectContaining({ code }) as Error)
  })

  it.each([
    [{ image_processor_type: 'CLIPImageProcessorFast' }, undefined, 'CLIPImageProcessor'],
    [{ image_processor_type: 'CLIPFeatureExtractor' }, undefined, 'CLIPImageProcessor'],
    [{ feature_extractor_type: 'ViTFeatureExtractor' }, undefined, 'ViTImageProcessor'],
    [{ image_processor: { image_processor_type: 'BitImageProcessor' } }, undefined, 'BitImageProcessor'],
    [{}, 'siglip_vision_model', 'SiglipImageProcessor'],
    [{}, 'convnext', 'ConvNextImageProcessor'],
  ])('finds the class of %j with model type %s', (config, modelType, type) => {
    expect(createImageProcessor(config, { ...(modelType && { modelType }) }).type).toBe(type)
  })
})

describe('ImageProcessor on disk', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'processor-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value))

  it('survives saving and loading, with what it does not know', async () => {
    const config = {
      feature_extractor_type: 'CLIPFeatureExtractor',
      size: 30,
      crop_size: 24,
      resample: 1,
      note: 'kept',
    }
    await createImageProcessor(config).savePretrained(folder)
    const saved = JSON.parse(await readFile(join(folder, 'preprocessor_config.json'), 'utf8')) as object
    expect(saved).toEqual({
      image_processor_type: 'CLIPImageProcessor',
      size: { shortest_edge: 30 },
      crop_size: { height: 24, width: 24 },
      resample: 1,
      note: 'kept',
      do_resize: true,
      do_rescale: true,
      do_normalize: true,
      do_center_crop: true,
      do_convert_rgb: true,
      rescale_factor: 1 / 255,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
    })
    const loaded = await ImageProcessor.fromPretrained(folder, { backend: 'pil' })
    expect(loaded.backend).toBe('pil')
    expect(loaded.toJSON()).toEqual(saved)
  })

  it('is read again from where transformers 5 had saved another', async () => {
    const other = { image_processor: { ...vit, size: 48 }, processor_class: 'VisionTextDualEncoderProcessor' }
    await writeFile(join(folder, 'processor_config.json'), JSON.stringify(other))
    await createImageProcessor(vit).savePretrained(folder)
    const read = await ImageProcessor.fromPretrained(folder)
    expect(read.config.size).toEqual({ height: 8, width: 8 })
  })

  it('prefers processor_config.json', async () => {
    await write('preprocessor_config.json', vit)
    await write('processor_config.json', { image_processor: { ...vit, image_processor_type: 'BlipImageProcessor' } })
    expect((await ImageProcessor.fromPretrained(folder)).type).toBe('BlipImageProcessor')
    await write('processor_config.json', { processor_class: 'VisionTextDualEncoderProcessor' })
    expect((await ImageProcessor.fromPretrained(folder)).type).toBe('ViTImageProcessor')
  })

  it('takes the class of the model where the config names none', async () => {
    await write('preprocessor_config.json', { size: 8 })
    await write('config.json', { model_type: 'vision-text-dual-encoder', vision_config: { model_type: 'beit' } })
    expect((await ImageProcessor.fromPretrained(folder)).type).toBe('BeitImageProcessor')
  })

  it('says what is missing', async () => {
    await expect(ImageProcessor.fromPretrained(folder)).rejects.toMatchObject({ code: 'image-processor-not-found' })
  })
})
