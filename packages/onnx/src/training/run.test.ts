import { resolve } from 'node:path'
import { readSafetensors, type Tensor } from '@dual-encoder/core'
import type { TrainingPlan } from '@dual-encoder/core/backend'
import ort from 'onnxruntime-node'
import { expect, it, vi } from 'vitest'
import { VisionTextDualEncoderModel } from '../families'
import type * as node from '../runtime/node'
import type { Store } from '../runtime/store'

/** Graphs that are open in the engine, and how many were at most. */
const open = { names: new Set<string>(), most: 0, made: 0, bytes: 0 }

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
  return { runtime: { ...runtime, openStore: () => Promise.resolve(new CountedStore(engine)) } }
})

const FOLDER = resolve(import.meta.dirname, '../../../../parity-tests/fixtures/towers/vit-bert')

/** Gradient descent without anything. */
const plan: TrainingPlan = {
  trained: ['text_projection.weight'],
  rule: {
    slots: [],
    numbers: ['lr'],
    update(ops, given, { lr }) {
      const params = [...given].map(([name, { param, grad }]) => {
        return [name, { param: ops.sub(param, ops.mul(grad, lr!)), state: {} }] as const
      })
      return { params: new Map(params), norm: ops.scalar(0) }
    },
  },
}

async function inputsOf() {
  const tensors = await readSafetensors(`${FOLDER}/inputs.safetensors`)
  return { pixelValues: tensors.get('pixel_values') as Tensor, inputIds: tensors.get('input_ids') as Tensor }
}

it('computes layers again for their gradients, to the same numbers', async () => {
  await using model = await VisionTextDualEncoderModel.fromPretrained(FOLDER)
  const { pixelValues, inputIds } = await inputsOf()
  const rows = pixelValues.dims[0]!
  const length = inputIds.dims[1]!
  const first: Tensor = { ...inputIds, dims: [rows, length], data: inputIds.data.slice(0, rows * length) as never }
  const inputs = { pixelValues, inputIds: first }
  const trained = [...model.parameterShapes.keys()]
  const trainedBy = async (recompute?: 'layers') => {
    const run = model.train({ ...plan, trained, recompute })
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
  const { pixelValues } = await inputsOf()
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
  const run = model.train(plan)
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
  await run.dispose()
})
