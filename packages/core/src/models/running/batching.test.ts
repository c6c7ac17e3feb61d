import { expect, it } from 'vitest'
import { BertConfig } from '../../towers/text/bert.config'
import { type Tensor, tensor } from '../../base/tensor'
import { BatchingRunner } from './batching'
import type { Batch, EncodeRequest, EncoderRunner, TextEncoderSpec } from '../encoder'

const ids = { dtype: 'int64', dims: () => ['batch', 'length'] }
const distances = { dtype: 'int64', dims: () => ['length', 'length'] }
const encoder = {
  kind: 'text',
  config: new BertConfig(),
  tower: { inputs: { inputIds: ids, distances } },
} as unknown as TextEncoderSpec

/** Answers each row by its sum; fails where one holds 13. */
class Sums implements EncoderRunner {
  readonly batches: number[] = []
  disposed = false

  async run({ inputs }: Batch, request: EncodeRequest) {
    const { dims, data } = inputs.inputIds as Tensor<'int64'>
    const [rows = 0, length = 0] = dims
    this.batches.push(rows)
    await Promise.resolve()
    if (data.includes(13n)) throw new Error('unlucky')
    expect(inputs.distances?.dims).toEqual([length, length])
    const sums = Array.from({ length: rows }, (_, row) =>
      Number(data.slice(row * length, (row + 1) * length).reduce((a, b) => a + b)),
    )
    const features = tensor(sums, [rows, 1])
    return { ...(request.features ? { features } : {}), ...(request.embeds ? { embeds: features } : {}) }
  }
  dispose() {
    this.disposed = true
    return Promise.resolve()
  }
}

const batch = (...values: number[]): Batch => ({
  inputs: {
    inputIds: tensor(BigInt64Array.from(values, BigInt), [1, values.length]),
    distances: tensor(new BigInt64Array(values.length ** 2), [values.length, values.length]),
  },
})

function runner(options: { maxBatch?: number; maxDelayMs?: number } = {}) {
  const inner = new Sums()
  return { inner, runner: new BatchingRunner(inner, encoder, { maxBatch: 4, maxDelayMs: 1, ...options }) }
}

it('runs calls of one length together, no more at once than may be, and gives each what it asked for', async () => {
  const { inner, runner: batching } = runner()
  const calls = [1, 2, 3, 4, 5, 6].map((value) => batching.run(batch(value, 1), { features: true }))
  const long = batching.run(batch(1, 2, 3), { embeds: true })
  const sums = (await Promise.all(calls)).map(({ features }) => features?.data[0])
  expect(sums).toEqual([2, 3, 4, 5, 6, 7])
  expect(Object.keys(await long)).toEqual(['embeds'])
  expect(inner.batches.toSorted((a, b) => a - b)).toEqual([1, 2, 4])
})

it('a call that fails, or is no longer wanted, leaves those beside it alone', async () => {
  const { inner, runner: batching } = runner({ maxBatch: 8 })
  const controller = new AbortController()
  const calls = [
    batching.run(batch(1, 1), { features: true }),
    batching.run(batch(13, 1), { features: true }),
    batching.run(batch(2, 1), { features: true }, { signal: controller.signal }),
    batching.run(batch(3, 1), { features: true }),
  ]
  controller.abort(new Error('enough'))
  const results = await Promise.allSettled(calls)
  expect(
    results.map((result) => (result.status === 'fulfilled' ? result.value.features?.data[0] : String(result.reason))),
  ).toEqual([2, 'Error: unlucky', 'Error: enough', 4])
  expect(inner.batches[0]).toBe(3)
})

it('answers those that wait before it is disposed of', async () => {
  const { inner, runner: batching } = runner({ maxDelayMs: 20 })
  const waiting = batching.run(batch(1, 2), { features: true })
  await batching.dispose()
  expect(inner.disposed).toBe(true)
  expect((await waiting).features?.data[0]).toBe(3)
})
