import { dropoutFactors } from '@dual-encoder/core/training'
import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { GraphBuilder } from '../graph/builder'
import { withoutLastCopies, withUnread } from '../graph/outputs'
import { serialize } from '../graph/proto'
import type { Engine } from './runtime'
import type { Plain } from './store'
import { TensorStore } from './tensor-store'

/** Of each run of a session: what the engine handed over, or what it said. */
const handed: (string[] | string)[] = []
const engine: Engine = {
  Tensor: ort.Tensor,
  async create(model, options) {
    const session = await ort.InferenceSession.create(model, options)
    return {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      release: () => session.release(),
      run: async (feeds, fetches) => {
        const results = session.run(feeds, fetches)
        handed.push(await results.then(Object.keys, (error: unknown) => (error as Error).message))
        return results
      },
    }
  },
}

const plain = (...values: number[]): Plain => ({
  dims: [values.length],
  dtype: 'float32',
  data: Float32Array.from(values),
})

it('has outputs written where they are stored, copies none of them, and still hears of failures', async () => {
  const graph = new GraphBuilder('sums')
  const [x, y] = [graph.input('x', 'float32', [2]), graph.input('y', 'float32', ['N'])]
  const sum = graph.node('Add', [x, y])
  const outputs = new Map([
    ['twice', { value: graph.node('Add', [sum, sum]), dims: [2] }],
    ['next', { value: sum, dims: [2] }],
  ])
  const model = serialize(withUnread(withoutLastCopies(graph.build(outputs))))
  const store = new TensorStore(engine)
  await store.open('sums', model, { logSeverityLevel: 4 })
  await store.put({ kept: plain(1, 2) })
  const run = (given: Plain) =>
    store.run({
      session: 'sums',
      feeds: { x: { key: 'kept' }, y: given },
      stores: { next: { key: 'kept', inPlace: false } },
      returns: { twice: [2] },
    })
  expect((await run(plain(10, 20))).twice).toEqual(plain(22, 44))
  expect((await run(plain(100, 200))).twice).toEqual(plain(222, 444))
  expect((await store.read(['kept'])).kept).toEqual(plain(111, 222))
  expect(handed).toEqual([expect.stringMatching(/^Non tensor type/), handed[0]])
  await expect(run(plain(1, 2, 3))).rejects.toThrow('Add')
  expect((await store.read(['kept'])).kept).toEqual(plain(111, 222))
  await store.dispose()
})

it('draws the factors of a dropout, of few rows into the memory of many', async () => {
  const graph = new GraphBuilder('factors')
  const factors = graph.input('factors', 'float32', ['N', 4])
  const outputs = new Map([['negative', { value: graph.node('Neg', [factors]), dims: ['N', 4] }]])
  const store = new TensorStore(engine)
  await store.open('factors', serialize(graph.build(outputs)), {})
  for (const [rows, seed] of [
    [3, 1],
    [2, 2],
    [4, 3],
  ] as const) {
    const dropout = { seed, of: 'text', index: 1, firstRow: 5 } as const
    const feeds = { factors: { dropout, dims: [rows, 4], rate: 0.5, tokens: 1 } }
    const { negative } = await store.run({ session: 'factors', feeds, stores: {}, returns: { negative: [rows, 4] } })
    const wanted = dropoutFactors(dropout, [rows, 4], 0.5).map((factor) => -factor)
    expect(negative).toEqual({ dims: [rows, 4], dtype: 'float32', data: wanted })
  }
  await store.dispose()
})
