import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type DualEncoderError, type Tensor, tensor } from '@dual-encoder/core'
import type { DualEncoderModel } from '@dual-encoder/core/backend'
import { beforeAll, describe, expect, it } from 'vitest'
import { BACKENDS } from './backends'
import { inputsOf } from './fixtures'
import { keepEngine } from './keep-engine'

const fixtures = resolve(import.meta.dirname, '../fixtures')
const VIT_BERT = `${fixtures}/towers/vit-bert`
const ROBERTA = `${fixtures}/towers/beit-roberta`

const SWIN_V2 = { model_type: 'swinv2', image_size: 24, patch_size: 6, window_size: 2, use_absolute_embeddings: true }

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
type Files = Record<string, Uint8Array>

/** A checkpoint held in memory, as a source. */
const sourceOf = (files: Files) => ({
  read: (name: string, range?: readonly [number, number]) =>
    Promise.resolve(range ? files[name]?.slice(...range) : files[name]),
})
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

let files: Files
beforeAll(async () => {
  const load = async (name: string) => [name, new Uint8Array(await readFile(`${VIT_BERT}/${name}`))] as const
  files = Object.fromEntries([await load('config.json'), await load('model.safetensors')])
})

/** A safetensors file from header text and data. */
function safetensors(header: string, data: Uint8Array, claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(header)
  const file = new Uint8Array(8 + text.length + data.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true)
  file.set(text, 8)
  file.set(data, 8 + text.length)
  return file
}

/** The fixture with another header. */
function withHeader(edit: (header: Header) => unknown, write = JSON.stringify as (value: unknown) => string): Files {
  const file = files['model.safetensors']!
  const length = Number(new DataView(file.buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Header
  edit(header)
  return { ...files, 'model.safetensors': safetensors(write(header), file.slice(8 + length)) }
}

/** The fixture with another config. */
function withConfig(edit: (config: Record<string, Record<string, unknown>>) => unknown): Files {
  const config = JSON.parse(new TextDecoder().decode(files['config.json'])) as Record<string, Record<string, unknown>>
  edit(config)
  return { ...files, 'config.json': json(config) }
}

/** A tensor's place among the others, by its offset. */
const inOrder = (header: Header) =>
  Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([, entry]) => entry)
    .sort((a, b) => a.data_offsets[0] - b.data_offsets[0])

const WEIGHT = 'text_projection.weight'
const renameTo = (header: Header, name: string) => {
  header[name] = header[WEIGHT]!
  delete header[WEIGHT]
}

/** What is wrong with a checkpoint, the error's code, and what its message has to name. */
const CHECKPOINTS: [what: string, give: () => Files | string, code: string, says: RegExp][] = [
  [
    'a header longer than the file',
    () => ({ ...files, 'model.safetensors': safetensors('{}', new Uint8Array(), 99_999) }),
    'truncated',
    /99999 bytes/,
  ],
  [
    'a header over 100 MB',
    () => ({ ...files, 'model.safetensors': safetensors('{}', new Uint8Array(), 2 ** 40) }),
    'header-too-large',
    /1099511627776 bytes; 100000000 are allowed/,
  ],
  [
    'overlapping tensors',
    () =>
      withHeader((header) => {
        const [first, second] = inOrder(header) as [Header[string], Header[string]]
        const size = second.data_offsets[1] - second.data_offsets[0]
        second.data_offsets = [first.data_offsets[0], first.data_offsets[0] + size]
      }),
    'overlapping-offsets',
    /overlaps/,
  ],
  [
    'offsets out of order',
    () => withHeader((header) => header[WEIGHT]!.data_offsets.reverse()),
    'bad-offsets',
    /text_projection\.weight.*before its start/,
  ],
  [
    'tensors beyond the end of the file',
    () => ({ ...files, 'model.safetensors': files['model.safetensors']!.slice(0, -64) }),
    'truncated',
    /end at byte \d+/,
  ],
  [
    'a shape that does not match its bytes',
    () => withHeader((header) => header[WEIGHT]!.shape.push(2)),
    'shape-mismatch',
    /text_projection\.weight.*takes \d+ bytes/,
  ],
  [
    'a name given twice',
    () =>
      withHeader(
        () => undefined,
        (header) => JSON.stringify(header).replace('{', `{${twice},`),
      ),
    'duplicate-names',
    /logit_scale.*twice/,
  ],
  [
    'an index that leads out of the folder',
    () => ({
      'config.json': files['config.json']!,
      'model.safetensors.index.json': json({ weight_map: { logit_scale: '../elsewhere.safetensors' } }),
    }),
    'name-escapes',
    /\.\.\/elsewhere\.safetensors/,
  ],
  [
    'a shard that is not there',
    () => ({
      'config.json': files['config.json']!,
      'model.safetensors.index.json': json({ weight_map: { logit_scale: 'model-00001.safetensors' } }),
    }),
    'missing-shard',
    /model-00001\.safetensors/,
  ],
  [
    'a missing tensor',
    () => withHeader((header) => renameTo(header, 'text_model.embeddings.position_ids')),
    'missing-weights',
    /- text_projection\.weight/,
  ],
  [
    'an unexpected tensor',
    () => withHeader((header) => (header.surprise = { dtype: 'F32', shape: [0], data_offsets: [0, 0] })),
    'unused-weights',
    /\+ surprise/,
  ],
  [
    'a tensor of another shape',
    () => withHeader((header) => header[WEIGHT]!.shape.reverse()),
    'wrong-shape',
    /text_projection\.weight.*\[\d+, \d+\].*\[\d+, \d+\]/s,
  ],
  [
    'a tower that is not supported',
    () => withConfig(({ text_config: text }) => (text!.model_type = 'bigbird')),
    'unsupported-model-type',
    /bigbird.*bert/s,
  ],
  [
    'a RoBERTa without a padding token',
    () => withConfig(({ text_config: text }) => Object.assign(text!, { model_type: 'roberta', pad_token_id: null })),
    'bad-config-value',
    /pad_token_id is null/,
  ],
  [
    'a Swin v2 with absolute positions, on which transformers itself fails',
    () => withConfig(({ vision_config: vision }) => Object.assign(vision!, SWIN_V2)),
    'unsupported-config',
    /use_absolute_embeddings is true, which transformers fails on/,
  ],
  ['no config', () => ({ 'model.safetensors': files['model.safetensors']! }), 'no-config', /config\.json/],
  ['no weights', () => ({ 'config.json': files['config.json']! }), 'no-weights', /model\.safetensors/],
  ['a folder that is not there', () => './openai/clip-vit-base-patch32', 'source-not-found', /org\/name/],
  ...['clip', 'siglip', 'chinese-clip'].map((name): [string, () => string, string, RegExp] => [
    `a whole ${name}`,
    () => `${fixtures}/standalone/${name}`,
    'whole-model',
    /fromVisionTextPretrained/,
  ]),
]
const twice = '"logit_scale":{"dtype":"F32","shape":[],"data_offsets":[0,4]}'

type Inputs = Parameters<DualEncoderModel['forward']>[0]
type Options = Parameters<DualEncoderModel['forward']>[1]
const ids = (rows: number[][]): Tensor =>
  tensor(BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]?.length ?? 0], 'int64')
const pixels = (...dims: number[]): Tensor => tensor(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)

/** What is wrong with a call to a tower whose text has `most` positions. */
const CALLS: [what: string, inputs: Partial<Inputs>, options: Options, code: string, says: RegExp][] = [
  ['an unknown option', {}, { returnLos: true } as Options, 'unknown-option', /returnLos.*returnLoss/s],
  [
    'pixels of another size',
    { pixelValues: pixels(3, 3, 25, 24) },
    {},
    'bad-image-size',
    /25, 24.*24 x 24.*interpolatePosEncoding/,
  ],
  [
    'pixels of another number of channels',
    { pixelValues: pixels(3, 1, 24, 24) },
    {},
    'bad-shape',
    /1 channels where 3/,
  ],
  [
    'pixels without a batch',
    { pixelValues: pixels(3, 24, 24) },
    {},
    'bad-shape',
    /\[3, 24, 24\]; \[batch, 3, 24, 24\]/,
  ],
  [
    'a token id out of range',
    { inputIds: ids([[5, 100]]), attentionMask: undefined },
    {},
    'id-out-of-range',
    /inputIds\[0, 1\] is 100;.*0 to 99/,
  ],
  [
    'a negative token id',
    { inputIds: ids([[-1, 5]]), attentionMask: undefined },
    {},
    'id-out-of-range',
    /is -1;.*0 to 99/,
  ],
  ['no texts', { inputIds: tensor(new BigInt64Array(0), [0, 5], 'int64') }, {}, 'empty-batch', /inputIds.*\[0, 5\]/],
  ['no images', { pixelValues: pixels(0, 3, 24, 24) }, {}, 'empty-batch', /pixelValues.*\[0, 3, 24, 24\]/],
  [
    'other numbers of texts and images with returnLoss',
    {},
    { returnLoss: true },
    'batch-mismatch',
    /4 texts and 3 images/,
  ],
  ['a mask of another shape', { attentionMask: ids([[1, 1]]) }, {}, 'bad-shape', /attentionMask is \[1, 2\]/],
  [
    'fewer pixels than their dims say',
    { pixelValues: { ...pixels(1, 3, 24, 24), data: new Float32Array(10) } },
    {},
    'tensor-size',
    /pixelValues is \[1, 3, 24, 24\], 1728 values; its data holds 10/,
  ],
  [
    'bytes said to be float32',
    { pixelValues: { ...pixels(1, 3, 24, 24), data: new Uint8Array(1728) } as never },
    {},
    'bad-dtype',
    /pixelValues is float32; .*Uint8Array/,
  ],
  [
    'dims that are no whole numbers',
    { pixelValues: { ...pixels(1, 3, 24, 24), dims: [1.5, 3, 24, 24] } },
    {},
    'bad-shape',
    /pixelValues has dims \[1\.5, /,
  ],
  [
    'fractions as token ids',
    { inputIds: tensor(Float32Array.of(1, 1.5), [1, 2]), attentionMask: undefined },
    {},
    'bad-dtype',
    /inputIds holds fractions/,
  ],
  ['a flag in words', {}, { returnLoss: 'no' } as never, 'bad-option', /returnLoss is "no"; true or false/],
  ['no inputs', { inputIds: undefined as never }, {}, 'missing-input', /inputIds is missing/],
]

/** Sequences and positions beyond what a tower has: RoBERTa's start behind the padding id. */
const LENGTHS = [
  { folder: VIT_BERT, most: 40, positions: 40 },
  { folder: ROBERTA, most: 38, positions: 40 },
]

describe.each(BACKENDS)('$name', ({ Model }) => {
  keepEngine((folder) => Model.fromPretrained(folder))

  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.unreachable('no error'),
      (error: unknown) => error as DualEncoderError,
    )

  it.each(CHECKPOINTS)('refuses a checkpoint with %s', async (_, give, code, says) => {
    const given = give()
    const source = typeof given === 'string' ? given : sourceOf(given)
    const error = await failure(Model.fromPretrained(source))
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) as string })
    const model = await Model.fromPretrained(sourceOf(files))
    await model.dispose()
  })

  it('refuses unknown options of fromPretrained', async () => {
    const error = await failure(Model.fromPretrained(VIT_BERT, { thread: 2 }))
    expect(error).toMatchObject({ code: 'unknown-option', message: expect.stringContaining('thread') as string })
  })

  it.each(CALLS)('refuses a call with %s, and takes the next', async (_, inputs, options, code, says) => {
    await using model = await Model.fromPretrained(VIT_BERT)
    const good = (await inputsOf(VIT_BERT)) as Inputs
    const error = await failure(model.forward({ ...good, ...inputs }, options))
    expect(error).toMatchObject({ code, message: expect.stringMatching(says) as string })
    expect((await model.forward(good)).logitsPerImage.dims).toEqual([3, 4])
  })

  it.each(LENGTHS)('refuses more than $most tokens and positions beyond $positions', async (tower) => {
    const { folder, most, positions } = tower
    await using model = await Model.fromPretrained(folder)
    const row = (length: number) => ids([Array.from({ length }, () => 7)])
    expect((await model.getTextFeatures({ inputIds: row(most) })).dims[0]).toBe(1)
    const long = await failure(model.getTextFeatures({ inputIds: row(most + 1) }))
    expect(long).toMatchObject({
      code: 'sequence-too-long',
      message: expect.stringMatching(
        new RegExp(`${most + 1} tokens.*positions for ${most}.*truncation: true`),
      ) as string,
    })
    const positionIds = ids([[0, positions]])
    const beyond = await failure(model.getTextFeatures({ inputIds: row(2), positionIds }))
    expect(beyond).toMatchObject({
      code: 'id-out-of-range',
      message: expect.stringMatching(
        new RegExp(`positionIds\\[0, 1\\] is ${positions};.*0 to ${positions - 1}.*truncation: true`),
      ) as string,
    })
  })
})
