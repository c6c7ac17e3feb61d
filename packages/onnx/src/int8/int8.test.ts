import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { modelCard, type Tensor, tensor, type Warning } from '@dual-encoder/core'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { inputsOf } from '../../../../parity-tests/src/fixtures'
import { AutoModel, CLIPModel, VisionTextDualEncoderModel } from '../families'
import type { OnnxModel } from '../model'
import type { OnnxOptions } from '../options'
import { quantizationCanary } from './canary'
import { rowsOf } from './forms'
import { measure } from './matrix'
import { quantizationReport } from './report'

const fixture = (name: string) => resolve(import.meta.dirname, '../../../../parity-tests/fixtures', name)

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'dual-encoder-test-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

function rowsIn({ dims, data }: Tensor): number[][] {
  const width = dims.at(-1) as number
  return Array.from({ length: data.length / width }, (_, i) => [
    ...(data as Float32Array).subarray(i * width, (i + 1) * width),
  ])
}
const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
const cosines = (a: Tensor, b: Tensor) =>
  rowsIn(a).map((x, i) => {
    const y = rowsIn(b)[i] as number[]
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
  })

async function embeddings(source: string, name: string, options: OnnxOptions) {
  await using model = (await AutoModel.fromPretrained(source, options)) as OnnxModel
  const { imageEmbeds, textEmbeds } = await model.forward(await inputsOf(fixture(name)))
  return [imageEmbeds, textEmbeds]
}

describe.each(['int8', 'int8-fast'] as const)('%s', (dtype) => {
  const least = { int8: 0.999, 'int8-fast': 0.997 }[dtype]

  it.each([
    'towers/vit-bert',
    'towers/beit-roberta',
    'towers/dinov2-registers',
    'towers/convnext',
    'towers/modernbert-biases',
    'towers/nomic-bert',
    'towers/dinov2-swiglu',
    'families/clip',
    'families/siglip',
  ])('keeps the directions of %s, and is not float32', async (name) => {
    const [whole, small] = [await embeddings(fixture(name), name, {}), await embeddings(fixture(name), name, { dtype })]
    for (const [i, value] of small.entries()) {
      expect(Math.min(...cosines(value, whole[i] as Tensor))).toBeGreaterThan(least)
      expect(value.data).not.toEqual((whole[i] as Tensor).data)
    }
  })

  it('gives a row what it gives alone, whatever else is in the batch', async () => {
    const given = await inputsOf(fixture('towers/vit-bert'))
    await using model = await VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'), { dtype })
    const [count = 1, ...rest] = given.pixelValues.dims
    const size = given.pixelValues.data.length / count
    // A picture that is brighter than all others.
    const pixels = Float32Array.from(given.pixelValues.data as Float32Array, (value, i) => value * (i < size ? 1 : 30))
    const together = await model.getImageFeatures({ pixelValues: tensor(pixels, [count, ...rest]) })
    const alone = await model.getImageFeatures({ pixelValues: tensor(pixels.slice(0, size), [1, ...rest]) })
    alone.data.forEach((value, i) =>
      expect(Math.abs((together.data[i] as number) - (value as number))).toBeLessThan(2e-6),
    )
  })

  it('computes from an int8 checkpoint what its float32 values give', async () => {
    const folder = join(scratch, dtype)
    {
      await using model = await CLIPModel.fromPretrained(fixture('families/clip'))
      await model.savePretrained(folder, { dtype: 'int8' })
    }
    const [whole, small] = [
      await embeddings(folder, 'families/clip', {}),
      await embeddings(folder, 'families/clip', { dtype }),
    ]
    for (const [i, value] of small.entries())
      expect(Math.min(...cosines(value, whole[i] as Tensor))).toBeGreaterThan(least)
  })

  it('looks words up in a table of bytes, and finds what the float32 table holds', async () => {
    const folder = join(scratch, `table-${dtype}`)
    {
      await using model = await VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'))
      await model.savePretrained(folder, { dtype: 'int8' })
    }
    const given = await inputsOf(fixture('towers/vit-bert'))
    // What enters the first layer: words, positions and types, normed, and no linear layer.
    const [whole, small] = await Promise.all(
      [{}, { dtype }].map(async (options) => {
        await using model = await VisionTextDualEncoderModel.fromPretrained(folder, options)
        const { textModelOutput } = await model.forward(given, { outputHiddenStates: true })
        return textModelOutput.hiddenStates?.[0]?.data
      }),
    )
    expect(small).toEqual(whole)
  })

  it('gives hidden states as well, and runs with weights that are not packed', async () => {
    const given = await inputsOf(fixture('towers/vit-bert'))
    await using model = await VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'), { dtype })
    await using low = await VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'), {
      dtype,
      lowMemory: true,
    })
    const [a, b] = [await model.forward(given, { outputHiddenStates: true }), await low.forward(given)]
    expect(a.textModelOutput.hiddenStates?.length).toBeGreaterThan(1)
    expect(Math.min(...cosines(a.imageEmbeds, b.imageEmbeds))).toBeGreaterThan(0.999)
  })
})

it.each([
  [{ dtype: 'int4' }, /dtype is "int4"\. Should be one of: float32, int8, int8-fast/],
  [{ dtype: 'int8', executionProviders: ['webgpu'] }, /"webgpu" does not have.*Leave one of them out/],
])('refuses %o', async (options, says) => {
  await expect(VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'), options as OnnxOptions))
    .rejects //
    .toMatchObject({ code: 'bad-option', message: expect.stringMatching(says) as string })
})

const matrix = (values: Int8Array | Uint8Array | Float32Array, inputs: number, scales: readonly number[] = []) => {
  const outputs = values.length / inputs
  return {
    values,
    scales: scales.length > 0 ? Float32Array.from(scales) : new Float32Array(outputs).fill(1),
    outputs,
    inputs,
  }
}

it('turns rows into columns, and adds them up', () => {
  const [values, scales, sums] = rowsOf(matrix(Float32Array.of(127, -1, 0, 254), 2))
  expect([...values!.data]).toEqual([127, 0, -1, 127])
  expect([...scales!.data, ...sums!.data]).toEqual([1, 2, 126, 254])
  const [kept, same] = rowsOf(matrix(Int8Array.of(5, -7, 3, 9), 2, [0.5, 0.25]))
  expect([[...kept!.data], [...same!.data]]).toEqual([
    [5, 3, -7, 9],
    [0.5, 0.25],
  ])
})

it('rounds what whole steps leave of a weight as well, to a 254th of them', () => {
  const given = matrix(Float32Array.of(127, -1.3, 0.49, 254), 2)
  const [whole, scales] = rowsOf(given)
  const [rest, fine] = rowsOf(given, { part: 'rest' })
  expect([...rest.data]).toEqual([0, 62, -76, 0])
  const back = [0, 2, 1, 3].map((at) => {
    const row = at % 2
    return Number(whole.data[at]) * scales.data[row]! + Number(rest.data[at]) * fine.data[row]!
  })
  back.forEach((value, i) => expect(Math.abs(value - given.values[i]!)).toBeLessThanOrEqual(fine.data[i >> 1]! / 2))
})

it.each([
  ['', 0.1, 1 / 127],
  // More than 64 columns are, of 127 each.
  [', in larger steps where they could not', 1, 96 / (64 * 127 - 48)],
])('has columns behind the others that add up to the opposite%s', (_, value, step) => {
  const [outputs, inputs, zeros] = [16, 96, 64]
  const given = Float32Array.from({ length: outputs * inputs }, (_, i) => (i < inputs ? value : Math.sin(i * i)))
  given[0] = 1
  const [values, scales] = rowsOf(matrix(given, inputs), { zeros })
  expect(values.dims).toEqual([inputs + zeros, outputs])
  for (let row = 0; row < outputs; row++) {
    const columns = [...(values.data as Int8Array)].filter((_, i) => i % outputs === row)
    expect(columns.reduce((sum, value) => sum + value)).toBe(0)
    const far = columns
      .slice(0, inputs)
      .map((value, i) => Math.abs(value * scales.data[row]! - given[row * inputs + i]!))
    expect(Math.max(...far)).toBeLessThan(scales.data[row]! * 0.5001)
  }
  expect(scales.data[0]).toBeCloseTo(step, 6)
})

it('makes of an int8 file what its float32 values give, to a byte', () => {
  const [outputs, inputs] = [130, 50]
  const values = Int8Array.from({ length: outputs * inputs }, (_, i) => ((i * 7919) % 255) - 127)
  const scales = Float32Array.from({ length: outputs }, (_, i) => 0.01 + i / 1000)
  const stored = matrix(values, inputs, [...scales])
  const whole = matrix(
    Float32Array.from(values, (value, i) => value * scales[Math.floor(i / inputs)]!),
    inputs,
  )
  const factors = Float32Array.from({ length: inputs }, (_, i) => 0.5 + ((i * 31) % 7))
  const [a, b] = [rowsOf(stored, { factors }), rowsOf(whole, { factors })]
  const far = (part: number) => {
    const [ours, theirs] = [a, b].map((of) => [...of[part]!.data].map(Number))
    return Math.max(...ours!.map((value, i) => Math.abs(value - theirs![i]!)))
  }
  expect(far(0)).toBeLessThanOrEqual(1)
  expect(far(1)).toBeLessThan(1e-6)
  const row = Array.from(whole.values as Float32Array)
    .slice(0, inputs)
    .reduce((sum, value, i) => sum + value * factors[i]!, 0)
  expect(measure(stored, factors).products[0]).toBeCloseTo(row, 3)
})

it.each([
  ['int8', (count) => Int8Array.from(count, (_, i) => 127 * Math.sin(i * 12.9898)), 1, (i) => (i % 9) / 1000],
  [
    'bytes',
    (count) => Uint8Array.from(count, (_, i) => 128 + 127 * Math.sin(i * 12.9898)),
    3,
    (i) => (1 + Math.sqrt(i)) / 1000,
  ],
  ['float32', (count) => Float32Array.from(count, (_, i) => Math.sin(i * 12.9898)), 1, () => 1],
] as const satisfies [
  kind: string,
  drawn: (count: { length: number }) => Int8Array | Uint8Array | Float32Array,
  groups: number,
  scale: (i: number) => number,
][])('rounds %s in WebAssembly as it does without', async (_, drawn, groups, scale) => {
  const [outputs, inputs] = [144, 96]
  const values = drawn({ length: outputs * inputs })
  const scales = Array.from({ length: outputs * groups }, (_, i) => scale(i))
  const factors = Float32Array.from({ length: inputs }, (_, i) => 0.5 + ((i * 31) % 7))
  const of = matrix(values, inputs, scales)
  const made = async () => {
    vi.resetModules()
    const [forms, measuring, simd] = [await import('./forms'), await import('./matrix'), await import('./simd')]
    const { makeInt8 } = await import('./recipe')
    const isFloat = values instanceof Float32Array
    const stored = [tensor(values, [outputs, inputs]), tensor(Float32Array.from(scales), [outputs, groups])]
    const { largest, products } = measuring.measure(of, factors)
    const kept = (tensors: readonly Tensor[]) => tensors.map(({ data }) => (data as Float32Array | Int8Array).slice())
    const rows = kept(forms.rowsOf(of, { factors }))
    const all = [
      ...rows.slice(0, 2),
      ...kept(forms.rowsOf(of)).slice(0, 2),
      ...kept(forms.rowsOf(of, { turn: 32 })).slice(0, 2),
      largest,
      products,
      measuring.measure(of, factors, true).products,
      ...(isFloat ? [] : kept(makeInt8('float32', stored))),
    ]
    const [whole = [], rest = []] = (['whole', 'rest'] as const).map((part) =>
      Array.from(kept(forms.rowsOf(of, { part }))[0]!, Number),
    )
    const words = whole.map((value, i) => 254 * value + rest[i]!)
    return { isQuick: simd.simdMeasure(of, factors, largest.slice()) !== undefined, all, rows, words }
  }
  const quick = await made()
  vi.stubGlobal('WebAssembly', undefined)
  const plain = await made().finally(() => {
    vi.unstubAllGlobals()
    vi.resetModules()
  })
  expect([quick.isQuick, plain.isQuick]).toEqual([true, false])
  for (const [i, data] of quick.all.entries()) {
    const apart = Array.from(data, (one, at) => Math.abs(one - plain.all[i]![at]!))
    const largest = Math.max(...Array.from(data, Math.abs))
    const isFloat = data instanceof Float32Array || data instanceof Float64Array
    expect(Math.max(...apart)).toBeLessThanOrEqual(isFloat ? 3e-7 * largest : 1)
    // Of bytes, only what lies halfway between two.
    if (!isFloat) expect(apart.filter((one) => one > 0).length).toBeLessThan(data.length / 1000)
  }
  // What lies halfway between two whole steps has the one below and a rest of 127, or the one above and -127.
  expect(Math.max(...quick.words.map((word, i) => Math.abs(word - plain.words[i]!)))).toBeLessThanOrEqual(1)
  const [columns, ofRows, sums] = quick.rows.map((data) => Array.from(data, Number)) as [number[], number[], number[]]
  for (const [row, sum] of sums.entries()) {
    const bytes = columns.filter((_, i) => i % outputs === row)
    expect(sum).toBeCloseTo(bytes.reduce((all, byte) => all + byte) * ofRows[row]!, 3)
  }
})

it('reads an int8 checkpoint in one go, whatever is made of its parts', async () => {
  const [weights, config] = await Promise.all(
    ['model.safetensors', 'config.json'].map((name) => readFile(join(fixture('int8/vit-bert'), name))),
  )
  const reads: string[] = []
  const source = {
    read: (name: string, range?: readonly [number, number]) => {
      const file = { 'model.safetensors': weights, 'config.json': config }[name]
      reads.push(name)
      return Promise.resolve(range ? file?.subarray(...range) : file)
    },
  }
  await using model = await VisionTextDualEncoderModel.fromPretrained(source, { dtype: 'int8' })
  reads.length = 0
  await model.forward(await inputsOf(fixture('towers/vit-bert')))
  // Either encoder, the positions that a table is computed of, and the logit scale.
  expect(reads).toHaveLength(4)
})

it('has one session for two models of the same int8 file, and another for what computes otherwise', async () => {
  const created = vi.spyOn(InferenceSession, 'create')
  const embeds = async (model: OnnxModel) =>
    (await model.getTextFeatures({ inputIds: tensor(BigInt64Array.of(2n, 7n, 3n), [1, 3]) })).data
  const load = (dtype?: 'int8' | 'int8-fast') =>
    VisionTextDualEncoderModel.fromPretrained(fixture('int8/vit-bert'), dtype ? { dtype } : {})
  try {
    await using first = await load('int8')
    await using second = await load('int8')
    const wanted = await embeds(first)
    expect(await embeds(second)).toEqual(wanted)
    expect(created).toHaveBeenCalledTimes(1)
    await first.dispose()
    expect(await embeds(second)).toEqual(wanted)
    await using fast = await load('int8-fast')
    await using whole = await load()
    for (const model of [fast, whole]) expect(await embeds(model)).not.toEqual(wanted)
    expect(created).toHaveBeenCalledTimes(3)
  } finally {
    created.mockRestore()
  }
})

describe('a canary', () => {
  it('warns where int8 falls below the floor that its checkpoint states, and goes with the checkpoint', async () => {
    const folder = join(scratch, 'canary')
    await using model = await CLIPModel.fromPretrained(fixture('families/clip'))
    const load = async (floor: number, dtype?: 'int8' | 'int8-fast') => {
      await model.savePretrained(folder, { dtype: 'int8', canary: await quantizationCanary(model, floor) })
      const warned: Warning[] = []
      const onWarning = (warning: Warning) => void warned.push(warning)
      await using small = await CLIPModel.fromPretrained(folder, { onWarning, ...(dtype ? { dtype } : {}) })
      await small.savePretrained(join(scratch, 'again'), { dtype: 'int8' })
      await small.savePretrained(join(scratch, 'whole'))
      return warned
    }
    const config = async (name: string) =>
      JSON.parse(await readFile(join(scratch, name, 'config.json'), 'utf8')) as object
    for (const dtype of ['int8', 'int8-fast'] as const) {
      expect(await load(0.99, dtype)).toEqual([])
      const warned = await load(0.9999999, dtype)
      expect(warned.map(({ code }) => code)).toEqual(['int8-canary', 'int8-canary'])
      expect(warned[0]!.message).toMatch(/vision embedding .* cosine 0\.99\d+ .* promises 0\.9999999/)
    }
    expect(await load(0.9999999)).toEqual([])
    expect(await config('again')).toMatchObject({ canary: { floor: 0.9999999 } })
    expect(await config('whole')).not.toHaveProperty('canary')
    await expect(quantizationCanary(model, 99)).rejects.toMatchObject({ code: 'bad-option' })
    const canary = await quantizationCanary(model, 0.99)
    await expect(model.savePretrained(folder, { canary })).rejects.toMatchObject({ code: 'bad-option' })
  })
})

describe('the report', () => {
  it('measures embeddings, searches and layers against float32, and a card carries it', async () => {
    const { pixelValues, ...texts } = await inputsOf(fixture('towers/vit-bert'))
    await using model = await VisionTextDualEncoderModel.fromPretrained(fixture('towers/vit-bert'), {
      dtype: 'int8-fast',
    })
    const { vision, text } = await quantizationReport(model, { pixelValues }, texts)
    for (const { lowest, mean, top1, top10, layers } of [vision, text]) {
      expect(lowest).toBeGreaterThan(0.997)
      expect(lowest).toBeLessThanOrEqual(mean)
      expect(mean).toBeLessThan(1 - 1e-9)
      for (const part of [top1, top10]) expect(part >= 0 && part <= 1).toBe(true)
      expect(top10).toBe(1)
      expect(layers[0]).toBeLessThan(1e-6)
      expect(layers.at(-1)).toBeGreaterThan(1e-5)
      expect(layers.at(-1)).toBeLessThan(0.1)
    }
    const card = modelCard({ name: 'x', license: 'mit', quantization: { vision, text } })
    expect(card).toContain(`| Texts | ${text.lowest.toFixed(5)} |`)
  })

  it('finds no loss in float32, and finds that of a checkpoint against what it was made from', async () => {
    const { pixelValues, ...texts } = await inputsOf(fixture('families/clip'))
    await using whole = await CLIPModel.fromPretrained(fixture('families/clip'))
    const same = await quantizationReport(whole, { pixelValues }, texts)
    expect([same.vision.top1, same.text.top1, Math.max(...same.vision.layers, ...same.text.layers)]).toEqual([1, 1, 0])
    const folder = join(scratch, 'report')
    await whole.savePretrained(folder, { dtype: 'int8' })
    await using small = await CLIPModel.fromPretrained(folder)
    const [alone, against] = [
      await quantizationReport(small, { pixelValues }, texts),
      await quantizationReport(small, { pixelValues }, texts, whole),
    ]
    expect(alone.text.layers[0]).toBe(0)
    expect(against.text.layers[0]).toBeGreaterThan(1e-4)
  })
})
