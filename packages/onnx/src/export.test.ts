import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  BertConfig,
  readSafetensors,
  type Tensor,
  tensor,
  ViTConfig,
  VisionTextDualEncoderConfig,
  writeSafetensors,
} from '@dual-encoder/core'
import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { inputsOf } from '../../../parity-tests/src/fixtures'
import { VisionTextDualEncoderModel } from './families'

const towers = resolve(import.meta.dirname, '../../../parity-tests/fixtures/towers')
const PADDING = 1n
const TEXT = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']

/** Counted from 0 in BERT, past the padding id and over what is no padding in RoBERTa and its kin. */
function positionsOf({ data, dims }: Tensor<'int64'>, modelType: string): BigInt64Array {
  const length = dims[1]!
  if (modelType === 'bert') return data.map((_, i) => BigInt(i % length))
  let count = 0n
  return data.map((id, i) => {
    if (i % length === 0) count = 0n
    return id === PADDING ? PADDING : PADDING + ++count
  })
}

it.each(['vit-bert', 'beit-roberta', 'siglip-xlm-roberta', 'dinov2-swiglu', 'stored-f16'])(
  'exports %s as ONNX files that stand on their own',
  async (name) => {
    const folder = join(towers, name)
    const { pixelValues, attentionMask, tokenTypeIds, ...texts } = await inputsOf(folder)
    const inputIds = texts.inputIds as Tensor<'int64'>
    const target = await mkdtemp(join(tmpdir(), 'dual-encoder-export-'))
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    await model.exportOnnx(target)
    expect((await readdir(target)).sort()).toEqual(['text.onnx', 'vision.onnx'])
    const expected = await model.forward({ pixelValues, inputIds, attentionMask, tokenTypeIds })

    const close = (given: unknown, wanted: Tensor) =>
      (wanted.data as Float32Array).forEach((value, i) =>
        expect(Math.abs((given as Float32Array)[i]! - value)).toBeLessThan(1e-6),
      )
    const vision = await ort.InferenceSession.create(join(target, 'vision.onnx'), { logSeverityLevel: 3 })
    const images = new ort.Tensor('float32', pixelValues.data as Float32Array, pixelValues.dims)
    close((await vision.run({ pixel_values: images })).embeds?.data, expected.imageEmbeds)

    const text = await ort.InferenceSession.create(join(target, 'text.onnx'), { logSeverityLevel: 3 })
    expect(text.inputNames.every((input) => TEXT.includes(input))).toBe(true)
    const given: Record<string, Tensor> = {
      input_ids: inputIds,
      attention_mask: attentionMask as Tensor,
      token_type_ids: tokenTypeIds ?? { ...inputIds, data: new BigInt64Array(inputIds.data.length) },
      position_ids: { ...inputIds, data: positionsOf(inputIds, model.config.textConfig.modelType) },
    }
    const feeds = text.inputNames.map((input) => {
      const { data, dims } = given[input]!
      return [input, new ort.Tensor('int64', data as BigInt64Array, dims)] as const
    })
    close((await text.run(Object.fromEntries(feeds))).embeds?.data, expected.textEmbeds)

    // One row of another length: both axes are free.
    const [, ...rest] = pixelValues.dims
    const alonePixels = (pixelValues.data as Float32Array).slice(
      0,
      rest.reduce((a, b) => a * b),
    )
    const short = (data: BigInt64Array) => new ort.Tensor('int64', data.slice(0, 3), [1, 3])
    const alone = await model.forward({
      pixelValues: { ...pixelValues, data: alonePixels, dims: [1, ...rest] },
      inputIds: { ...inputIds, data: inputIds.data.slice(0, 3), dims: [1, 3] },
    })
    const image = new ort.Tensor('float32', alonePixels, [1, ...rest])
    close((await vision.run({ pixel_values: image })).embeds?.data, alone.imageEmbeds)
    const row = text.inputNames.map((input) => {
      if (input === 'attention_mask') return [input, short(BigInt64Array.of(1n, 1n, 1n))] as const
      return [input, short(given[input]!.data as BigInt64Array)] as const
    })
    close((await text.run(Object.fromEntries(row))).embeds?.data, alone.textEmbeds)
    await Promise.all([vision.release(), text.release(), rm(target, { recursive: true })])
  },
)

it('exports pictures of many patches, whose weights we leave unpacked, to the same numbers', async () => {
  const small = { hiddenSize: 24, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 }
  const config = VisionTextDualEncoderConfig.fromVisionTextConfigs(
    new ViTConfig({ ...small, imageSize: 72, patchSize: 6, initializerRange: 0.3 }),
    new BertConfig({ ...small, vocabSize: 100 }),
    { projectionDim: 16 },
  )
  const target = await mkdtemp(join(tmpdir(), 'dual-encoder-export-'))
  await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
  await model.exportOnnx(target)
  const pixels = Float32Array.from({ length: 2 * 3 * 72 * 72 }, (_, i) => Math.sin(i * i))
  const { data: expected } = await model.getImageFeatures({ pixelValues: tensor(pixels, [2, 3, 72, 72]) })
  const session = await ort.InferenceSession.create(join(target, 'vision.onnx'), { logSeverityLevel: 3 })
  const { features } = await session.run({ pixel_values: new ort.Tensor('float32', pixels, [2, 3, 72, 72]) })
  const largest = Math.max(...expected.map(Math.abs))
  expect(largest).toBeGreaterThan(0.1)
  expected.forEach((value, i) =>
    expect(Math.abs((features?.data as Float32Array)[i]! - value)).toBeLessThan(2e-6 * largest),
  )
  await Promise.all([session.release(), rm(target, { recursive: true })])
})

it('exports a checkpoint of float64 as that of float32, and a number as both sides of the image', async () => {
  const root = await mkdtemp(join(tmpdir(), 'dual-encoder-export-'))
  const wide = join(root, 'wide')
  await cp(join(towers, 'vit-bert'), wide, { recursive: true })
  const weights = await readSafetensors(join(towers, 'vit-bert/model.safetensors'))
  const doubles = [...weights].map(([name, { data, dims }]): [string, Tensor] => [
    name,
    tensor(Float64Array.from(data as Float32Array), dims),
  ])
  await writeFile(join(wide, 'model.safetensors'), writeSafetensors(doubles))
  const files: Buffer[][] = []
  for (const [folder, imageSize] of [
    [wide, 24],
    [join(towers, 'vit-bert'), [24, 24]],
  ] as const) {
    await using model = await VisionTextDualEncoderModel.fromPretrained(folder)
    const target = await mkdtemp(join(root, 'export-'))
    await model.exportOnnx(target, { imageSize })
    files.push(await Promise.all(['vision.onnx', 'text.onnx'].map((name) => readFile(join(target, name)))))
  }
  const [exported, expected] = files as [Buffer[], Buffer[]]
  exported.forEach((bytes, i) => expect(bytes.equals(expected[i]!)).toBe(true))
  await rm(root, { recursive: true })
})

it.each([
  ['24', 'bad-option', /imageSize is "24"; a number of whole pixels or \[height, width\]/],
  [24.5, 'bad-option', /imageSize is 24\.5/],
  [[24.5, 24], 'bad-option', /imageSize is \[24\.5,24\]/],
  [[0, 0], 'bad-option', /imageSize is \[0,0\]/],
  [[3, 24], 'bad-image-size', /smaller than one patch, \[6, 6\]/],
])('refuses the image size %o, and writes nothing', async (imageSize, code, says) => {
  const target = await mkdtemp(join(tmpdir(), 'dual-encoder-export-'))
  await using model = await VisionTextDualEncoderModel.fromPretrained(join(towers, 'vit-bert'))
  const exported = model.exportOnnx(target, { imageSize } as never)
  await expect(exported).rejects.toMatchObject({ code, message: expect.stringMatching(says) as string })
  expect(await readdir(target)).toEqual([])
  await rm(target, { recursive: true })
})
