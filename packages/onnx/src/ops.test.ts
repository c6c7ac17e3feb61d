import { Tape } from '@dual-encoder/core/training'
import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { LEAST, writeActivation } from './graph/activations'
import { GraphBuilder } from './graph/builder'
import { serialize } from './graph/proto'
import type { Kernels } from './graph/kernels'
import { OnnxOps } from './ops'
import type { OnnxValue } from './primitives'

/** What a graph of one layer, from 8 values a row, lets its caller override. */
function overridable(kernels: Kernels, dims: readonly (number | string)[], together: boolean): readonly string[] {
  const graph = new GraphBuilder('layer')
  const ops = new OnnxOps(graph, () => new Uint8Array(256), kernels)
  const x = ops.input('x', 'float32', dims)
  const layer = { weight: { name: 'weight', shape: [8, 8], init: { kind: 'zeros' } } } as const
  const [y = x] = together ? ops.linears(x, [layer]) : [ops.linear(x, layer)]
  const { inputs } = graph.build(new Map([['y', { value: ops.shaped(y), dims: y.dims }]])).graph
  return inputs.map(({ name }) => name).filter((name) => name !== 'x')
}

it.each<[string, Kernels, (number | string)[], boolean, string[]]>([
  ['has many rows on the processor', 'cpu', ['batch', 128, 8], false, ['weight']],
  ['has many rows in a browser', 'wasm', ['batch', 128, 8], false, ['weight']],
  ['is one of several of the same rows', 'cpu', ['batch', 128, 8], true, []],
  ['has fewer rows', 'cpu', ['batch', 127, 8], false, []],
  ['has as many rows as there are tokens', 'cpu', ['batch', 'length', 8], false, []],
  ['has one row for each picture', 'cpu', ['batch', 8], false, []],
  ['may run on a provider that compiles constants', 'contributed', ['batch', 128, 8], false, []],
  ['is to be exported', 'standard', ['batch', 128, 8], false, []],
])('weights are packed ahead unless it does not pay: a layer that %s (%s)', (_, kernels, dims, together, expected) => {
  expect(overridable(kernels, dims, together)).toEqual(expected)
})

it('notes the sizes of values that the engine would only know as some', () => {
  const graph = new GraphBuilder('layer')
  const ops = new OnnxOps(graph, () => new Uint8Array(256), 'cpu')
  const layer = { weight: { name: 'weight', shape: [8, 8], init: { kind: 'zeros' } } } as const
  const y = ops.linear(ops.input('x', 'float32', ['batch', 5, 8]), layer)
  const { values } = graph.build(new Map([['y', { value: ops.shaped(y), dims: y.dims }]])).graph
  expect(values.map(({ dims }) => dims)).toEqual([
    ['5*batch', 8],
    ['batch', 5, 8],
  ])
})

it.each([
  ['a bias', 3, true],
  ['one channel and no bias', 1, false],
])('cuts patches for wasm channel by channel to the same numbers: %s', async (_, channels, biased) => {
  const [batch, outputs, height, width] = [2, 5, 3, 2]
  const wave = (length: number, step: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * step))
  const bytes = (values: Float32Array) => new Uint8Array(values.buffer)
  const zeros = { kind: 'zeros' } as const
  const weight = { name: 'weight', shape: [outputs, channels, height, width], init: zeros }
  const bias = biased ? { name: 'bias', shape: [outputs], init: zeros } : undefined
  const pixels = new ort.Tensor('float32', wave(batch * channels * 7 * 8, 0.7), [batch, channels, 7, 8])
  const run = async (kernels: Kernels) => {
    const graph = new GraphBuilder('patches')
    const dataOf = ({ name }: { name: string }) =>
      bytes(name === 'bias' ? wave(outputs, 1.3) : wave(outputs * channels * height * width, 0.3))
    const ops = new OnnxOps(graph, dataOf, kernels)
    const patches = ops.patchEmbed(ops.input('pixels', 'float32', ['batch', channels, 7, 8]), { weight, bias })
    expect(patches.dims).toEqual(['batch', 8, outputs])
    const model = serialize(graph.build(new Map([['patches', { value: ops.shaped(patches), dims: patches.dims }]])))
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 })
    const { dims, data } = (await session.run({ pixels })).patches!
    await session.release()
    return { dims, data: data as Float32Array }
  }
  const [whole, byChannel] = [await run('cpu'), await run('wasm')]
  expect(byChannel.dims).toEqual([batch, 8, outputs])
  whole.data.forEach((value, i) => expect(Math.abs(byChannel.data[i]! - value)).toBeLessThan(1e-5))
})

it.each([
  [5, 3],
  [3, 5],
  [4, 4],
])(
  'a layer of many rows that learns has the same output and gradients as written plainly: %d of %d',
  async (out, size) => {
    const [batch, tokens] = [2, 1030]
    const init = { kind: 'zeros' } as const
    const layer = {
      weight: { name: 'weight', shape: [out, size], init },
      bias: { name: 'bias', shape: [out], init },
    }
    const wave = (dims: number[], step: number) => {
      const length = dims.reduce((product, dim) => product * dim, 1)
      return new ort.Tensor(
        'float32',
        Float32Array.from({ length }, (_, i) => Math.sin(i * step + step)),
        dims,
      )
    }
    const feeds = {
      x: wave([batch, tokens, size], 0.7),
      g: wave([batch, tokens, out], 0.31),
      weight: wave([out, size], 0.3),
      bias: wave([out], 1.3),
    }
    const run = async (kernels: Kernels) => {
      const graph = new GraphBuilder('layer')
      const ops = new OnnxOps(graph, () => 'input', kernels)
      const tape = new Tape(ops)
      const y = tape.linear(tape.leaf(ops.input('x', 'float32', feeds.x.dims)), layer)
      const { params } = tape.gradients([[y, ops.input('g', 'float32', feeds.g.dims)]])
      const outputs = [['y', y.value], ...params].map(
        ([name, x]) =>
          [`${name as string}.out`, { value: ops.shaped(x as OnnxValue), dims: (x as OnnxValue).dims }] as const,
      )
      const session = await ort.InferenceSession.create(serialize(graph.build(new Map(outputs))), {
        logSeverityLevel: 3,
      })
      const results = await session.run(feeds)
      await session.release()
      return results
    }
    const [fast, plain] = [await run('cpu'), await run('standard')]
    expect(Object.keys(fast)).toEqual(['y.out', 'weight.out', 'bias.out'])
    for (const [name, { dims, data }] of Object.entries(plain)) {
      expect(fast[name]!.dims).toEqual(dims)
      const given = fast[name]!.data as Float32Array
      ;(data as Float32Array).forEach((value, i) => expect(Math.abs(given[i]! - value)).toBeLessThan(1e-4))
    }
  },
)

it('knows what no value of an activation is below', async () => {
  const graph = new GraphBuilder('activations')
  const x = graph.input('x', 'float32', ['n'])
  const names = Object.keys(LEAST) as (keyof typeof LEAST)[]
  const outputs = names.map((name) => [name, { value: writeActivation(graph, x, name, 'cpu'), dims: ['n'] }] as const)
  const session = await ort.InferenceSession.create(serialize(graph.build(new Map(outputs))), { logSeverityLevel: 3 })
  const values = Float32Array.from({ length: 20000 }, (_, i) => i / 1000 - 10)
  const found = await session.run({ x: new ort.Tensor('float32', values, [values.length]) })
  for (const name of names) {
    const lowest = (found[name]!.data as Float32Array).reduce((a, b) => Math.min(a, b))
    expect(lowest, name).toBeGreaterThanOrEqual(LEAST[name]!)
    expect(lowest, name).toBeLessThan(LEAST[name]! + 1e-3)
  }
  await session.release()
})

it('attends causally on the processor to the same numbers, however far scores lie apart and where nothing is to be attended to', async () => {
  const dims = [2, 9, 8]
  const wave = (step: number, size: number) => Float32Array.from({ length: 144 }, (_, i) => size * Math.sin(i * step))
  const feeds = {
    q: new ort.Tensor('float32', wave(0.7, 12), dims),
    k: new ort.Tensor('float32', wave(1.3, 12), dims),
    v: new ort.Tensor('float32', wave(2.1, 1), dims),
    // The first row can see padding alone.
    mask: new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: 18 }, (_, i) => (i === 0 || i === 16 ? 0n : 1n)),
      [2, 9],
    ),
  }
  const run = async (kernels: Kernels) => {
    const graph = new GraphBuilder('attention')
    const ops = new OnnxOps(graph, () => new Uint8Array(), kernels)
    const [q, k, v] = ['q', 'k', 'v'].map((name) => ops.input(name, 'float32', dims)) as [
      OnnxValue,
      OnnxValue,
      OnnxValue,
    ]
    const keyMask = ops.input('mask', 'int64', [2, 9])
    const { context } = ops.attention(q, k, v, { heads: 2, causal: true, keyMask })
    const model = serialize(graph.build(new Map([['y', { value: ops.shaped(context), dims }]])))
    const session = await ort.InferenceSession.create(model)
    const { y } = await session.run(feeds)
    await session.release()
    return y!.data as Float32Array
  }
  const expected = await run('standard')
  const attended = await run('cpu')
  expect(Math.max(...attended.map((value, i) => Math.abs(value - (expected[i] as number))))).toBeLessThan(1e-6)
})
