import { resolve } from 'node:path'
import { type Tensor, VisionTextDualEncoderConfig } from '@dual-encoder/core'
import type { EncoderSpec } from '@dual-encoder/core/backend'
import type { ObjectiveModel, TrainingInputs, TrainingPlan } from '@dual-encoder/core/training'
import ort from 'onnxruntime-node'
import { expect, it, vi } from 'vitest'
import { inputsOf } from '../../../../parity-tests/src/fixtures'
import { VisionTextDualEncoderModel } from '../families'
import type * as node from '../runtime/node'
import type { Store } from '../runtime/store'
import { partsOf } from './parts'

/** Graphs that are open in the engine, and how many were at most. */
const open = { names: new Set<string>(), most: 0, made: 0, bytes: 0 }
/** Whether the engine writes into what it is given: onnxruntime-web does not. */
const engineWrites = { outputs: true }

vi.mock('#runtime', async (original) => {
  const { runtime } = await original<typeof node>()
  const { TensorStore } = await import('../runtime/tensor-store')
  class CountedStore extends TensorStore {
    override async open(...given: Parameters<Store['open']>) {
      open.names.add(given[0])
      open.most = Math.max(open.most, open.names.size)
      open.made++
      open.bytes = given[1].length
      return super.open(...given)
    }
    override async close(name: string) {
      open.names.delete(name)
      return super.close(name)
    }
  }
  const engine = { create: ort.InferenceSession.create.bind(ort.InferenceSession), Tensor: ort.Tensor }
  return { runtime: { ...runtime, openStore: () => Promise.resolve(new CountedStore(engine, engineWrites.outputs)) } }
})

const FOLDER = resolve(import.meta.dirname, '../../../../parity-tests/fixtures/towers/vit-bert')

/** Gradient descent without anything. */
const plan: TrainingPlan = {
  trained: ['text_projection.weight'],
  rule: {
    slots: [],
    numbers: ['lr'],
    clip: (ops) => ({ norm: ops.scalar(0) }),
    update: (ops, _name, { param, grad }, { lr }) => ({ param: ops.sub(param, ops.mul(grad, lr!)), state: {} }),
  },
}

it('computes layers again for their gradients, to the same numbers', async () => {
  await using model = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
  const { pixelValues, inputIds } = await inputsOf(FOLDER)
  const rows = pixelValues.dims[0]!
  const length = inputIds.dims[1]!
  const first: Tensor = { ...inputIds, dims: [rows, length], data: inputIds.data.slice(0, rows * length) as never }
  const inputs = { pixelValues, inputIds: first }
  const trained = [...model.parameterShapes.keys()]
  const trainedBy = async (recompute?: 'layers') => {
    const run = await model.train({ ...plan, trained, recompute })
    const losses: number[] = []
    for (let i = 0; i < 3; i++) losses.push((await run.step(inputs, { numbers: { lr: 0.1 }, dropoutSeed: i })).loss)
    const { params } = await run.state()
    await run.dispose()
    return { losses, params, bytes: open.bytes }
  }
  const [plain, again] = [await trainedBy(), await trainedBy('layers')]
  expect(again.bytes).toBeGreaterThan(1.1 * plain.bytes)
  again.losses.forEach((loss, i) => expect(Math.abs(loss - plain.losses[i]!)).toBeLessThan(1e-6))
  expect(plain.losses[2]).not.toBe(plain.losses[0])
  for (const [name, { data }] of plain.params)
    data.forEach((value, i) => expect(Math.abs(again.params.get(name)!.data[i]! - value), name).toBeLessThan(1e-6))
  const gradients = await model.gradients(inputs, { recompute: 'layers' })
  const known = await model.gradients(inputs)
  expect(Math.abs(gradients.loss - known.loss)).toBeLessThan(1e-6)
  for (const [name, { data }] of known.grads)
    data.forEach((value, i) =>
      expect(Math.abs(Number(gradients.grads.get(name)!.data[i]) - Number(value)), name).toBeLessThan(1e-5),
    )
  await expect(model.gradients(inputs, { recompute: 'all' as 'layers' })).rejects.toThrow(/recompute is "all"/)
})

it('keeps few graphs open where texts are of many lengths, and as many as a step in chunks needs', async () => {
  await using model = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
  const { pixelValues } = await inputsOf(FOLDER)
  const rows = pixelValues.dims[0]!
  const step = async (length: number, chunkSize?: number) => {
    const inputIds: Tensor = {
      dims: [rows, length],
      dtype: 'int64',
      data: BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(i % 7)),
    }
    const { loss } = await run.step({ pixelValues, inputIds }, { numbers: { lr: 0.1 }, chunkSize })
    return loss
  }
  Object.assign(open, { most: 0, made: 0 })
  open.names.clear()
  const run = await model.train(plan)
  const lengths = [2, 3, 4, 5, 6, 7]
  const losses: number[] = []
  for (const length of lengths) losses.push(await step(length))
  expect(open).toMatchObject({ most: 4, made: 6 })
  // The last used are still there; the first was given back, and is made again.
  for (const length of [7, 6, 5, 4]) await step(length)
  expect(open.made).toBe(6)
  await step(2)
  expect(open).toMatchObject({ most: 4, made: 7 })
  expect(losses.every(Number.isFinite)).toBe(true)
  await step(4, 2)
  const made = open.made
  expect(made - 7).toBeGreaterThan(4)
  await step(4, 2)
  expect(open.made).toBe(made)
  // Evaluations between two steps.
  for (const length of [5, 6]) {
    const ids = BigInt64Array.from({ length }, () => 3n)
    await run.embed('text', { inputIds: { dims: [1, length], dtype: 'int64', data: ids } })
  }
  expect(open.made).toBe(made + 2)
  await step(4, 2)
  expect(open.made).toBe(made + 2)
  await run.dispose()
})

it.each([true, false])(
  'updates a large table by parts as a whole, where the engine writes outputs: %s',
  async (writes) => {
    engineWrites.outputs = writes
    const tower = { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32 }
    const config = VisionTextDualEncoderConfig.fromJSON({
      vision_config: { model_type: 'vit', ...tower, image_size: 8, patch_size: 8 },
      text_config: { model_type: 'bert', ...tower, vocab_size: 33_000, max_position_embeddings: 8 },
      projection_dim: 8,
    })
    await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
    const name = 'text_model.embeddings.word_embeddings.weight'
    const inputIds: Tensor = { dims: [2, 2], dtype: 'int64', data: BigInt64Array.of(1n, 32_999n, 16_384n, 40n) }
    const pixels = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, i) => Math.sin(i))
    const inputs = { inputIds, pixelValues: { dims: [2, 3, 8, 8], dtype: 'float32', data: pixels } as Tensor }
    const { grads } = await model.gradients(inputs)
    // One slot is read once and written in place, of parameters there are two buffers.
    const run = await model.train({
      trained: [name],
      rule: {
        slots: ['sum'],
        numbers: ['lr'],
        clip: (ops) => ({ norm: ops.scalar(0) }),
        update: (ops, _name, { param, grad, state }, { lr }) => ({
          param: ops.sub(param, ops.mul(grad, lr!)),
          state: { sum: ops.add(state.sum!, grad) },
        }),
      },
    })
    const valuesOf = async () => {
      const { params, slots } = await run.state()
      return { param: params.get(name)!.data, sum: slots.get('sum')!.get(name)!.data }
    }
    const before = (await valuesOf()).param
    const steps = [await run.step(inputs, { numbers: { lr: 0.5 } })]
    const { param, sum } = await valuesOf()
    const most = (wanted: ArrayLike<number>, x: ArrayLike<number>) =>
      Array.from(wanted).reduce((largest, value, i) => Math.max(largest, Math.abs(value - x[i]!)), 0)
    const gradient = grads.get(name)!.data as Float32Array
    expect(gradient[32_999 * 32]).not.toBe(0)
    const largest = most(gradient, new Float32Array(gradient.length))
    expect(most(gradient, sum)).toBeLessThan(1e-6 * largest)
    const wanted = before.map((value, i) => value - Math.fround(sum[i]! * 0.5))
    expect(most(wanted, param)).toBe(0)
    for (let i = 0; i < 2; i++) steps.push(await run.step(inputs, { numbers: { lr: 0 } }))
    const after = await valuesOf()
    expect(most(param, after.param)).toBe(0)
    expect(steps[1]!.loss).not.toBe(steps[0]!.loss)
    expect(steps[2]!.loss).toBe(steps[1]!.loss)
    expect(most(sum, after.sum)).toBeGreaterThan(1e-3)
    await run.dispose()
    engineWrites.outputs = true
  },
)

/** Of each parameter, next to the largest value of all. */
function expectAlike(wanted: ReadonlyMap<string, Tensor>, found: ReadonlyMap<string, Tensor>): void {
  const all = [...wanted].flatMap(([name, { data }]) =>
    Array.from(data as Float32Array, (x, i) => [x, Number(found.get(name)!.data[i])] as const),
  )
  const largest = Math.max(...all.map(([x]) => Math.abs(x)))
  expect(Math.max(...all.map(([x, y]) => Math.abs(x - y)))).toBeLessThan(1e-5 * largest)
}

/** Parts of a step, and what is dropped in it, against chunks of fewer rows than a part has: each goes through as it is. */
async function expectLikeChunks(
  model: VisionTextDualEncoderModel,
  inputs: TrainingInputs,
  size: number,
): Promise<void> {
  const trained = [...model.parameterShapes.keys()]
  const stepped = async (dropoutSeed: number, chunkSize?: number) => {
    const run = await model.train({ ...plan, trained })
    const { loss } = await run.step(inputs, { numbers: { lr: 1 }, dropoutSeed, chunkSize })
    const { params } = await run.state()
    await run.dispose()
    return { loss, params }
  }
  const [parts, chunks, others] = [await stepped(3), await stepped(3, size), await stepped(4)]
  expect(Math.abs(parts.loss - chunks.loss)).toBeLessThan(1e-5)
  expect(Math.abs(parts.loss - others.loss)).toBeGreaterThan(1e-4)
  expectAlike(chunks.params, parts.params)
}

it('takes many pictures in parts, to the numbers of the whole and with the same dropped', async () => {
  const tower = { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16 }
  const drops = { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.2 }
  const config = VisionTextDualEncoderConfig.fromJSON({
    vision_config: { model_type: 'vit', ...tower, ...drops, image_size: 64, patch_size: 4 },
    text_config: { model_type: 'bert', ...tower, vocab_size: 50, max_position_embeddings: 8 },
    projection_dim: 8,
  })
  await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
  const [rows, values] = [19, 3 * 64 * 64]
  const inputs = {
    inputIds: { dims: [rows, 2], dtype: 'int64', data: BigInt64Array.from({ length: 2 * rows }, (_, i) => BigInt(i)) },
    pixelValues: {
      dims: [rows, 3, 64, 64],
      dtype: 'float32',
      data: Float32Array.from({ length: rows * values }, (_, i) => Math.sin(i * (1 + Math.floor(i / values)))),
    },
  } as const
  await expectLikeChunks(model, inputs, 5)
  const again = await model.gradients(inputs, { recompute: 'layers' })
  expectAlike((await model.gradients(inputs)).grads, again.grads)
})

/** Towers of texts. */
const TEXTS = {
  bert: {},
  'deberta-v2': {
    hidden_dropout_prob: 0.1,
    relative_attention: true,
    pos_att_type: ['p2c', 'c2p'],
    pooling: 'cls',
  },
}

it.each([
  ['bert', 'in parts behind their table', 2],
  ['deberta-v2', 'whole, where layers cannot be entered', 1],
] as const)('takes many texts to the numbers of chunks and with the same dropped: %s %s', async (type, _, count) => {
  // Wide enough to go through activations by rows.
  const tower = { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 256 }
  const config = VisionTextDualEncoderConfig.fromJSON({
    vision_config: { model_type: 'vit', ...tower, image_size: 8, patch_size: 4 },
    text_config: { model_type: type, ...tower, vocab_size: 50, max_position_embeddings: 200, ...TEXTS[type] },
    projection_dim: 8,
  })
  await using model = await VisionTextDualEncoderModel.fromConfig(config, { seed: 1 })
  const { text } = (model as unknown as { loaded: ObjectiveModel }).loaded
  const many = { inputIds: { dims: [256, 16], dtype: 'int64', data: new BigInt64Array(0) } } as const
  const halves = [
    [0, 128],
    [128, 256],
  ]
  expect(partsOf(text, { inputs: many })).toEqual(count === 2 ? halves : [[0, 256]])
  const [rows, length] = [19, 200]
  const ids = BigInt64Array.from({ length: rows * length }, (_, i) => BigInt((i * 7 + Math.floor(i / length)) % 50))
  const inputs = {
    inputIds: { dims: [rows, length], dtype: 'int64', data: ids },
    attentionMask: {
      dims: [rows, length],
      dtype: 'int64',
      data: ids.map((id, i) => (i % length && id < 9n ? 0n : 1n)),
    },
    pixelValues: {
      dims: [rows, 3, 8, 8],
      dtype: 'float32',
      data: Float32Array.from({ length: rows * 192 }, (_, i) => Math.sin(i * 1.7)),
    },
  } as const
  await expectLikeChunks(model, inputs, 10)
})

it('cuts a batch into parts of about 3,072 tokens, if they are few and not of few pictures', () => {
  const encoder = { kind: 'vision', config: { patchSize: 16 } } as unknown as EncoderSpec
  const partsFor = (rows: number, size: number) =>
    partsOf(encoder, {
      inputs: { pixelValues: { dims: [rows, 3, size, size], dtype: 'float32', data: new Float32Array(0) } },
      imageSize: [size, size],
    })
  expect(partsFor(64, 224)).toEqual([0, 16, 32, 48].map((start) => [start, start + 16]))
  expect(partsFor(33, 224)).toEqual([
    [0, 17],
    [17, 33],
  ])
  expect(partsFor(8, 1024)).toEqual([[0, 8]])
  expect(partsFor(512, 224)).toEqual([[0, 512]])
})
