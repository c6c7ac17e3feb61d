import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { GraphBuilder } from './graph/builder'
import { serialize } from './graph/proto'
import type { Kernels } from './graph/kernels'
import { OnnxOps } from './ops'

/** What a graph of one layer, from 8 values a row, lets its caller override. */
function overridable(kernels: Kernels, dims: readonly (number | string)[], outputs: number): readonly string[] {
  const graph = new GraphBuilder('layer')
  const ops = new OnnxOps(graph, () => new Uint8Array(32 * outputs), kernels)
  const x = ops.input('x', 'float32', dims)
  const y = ops.linear(x, { weight: { name: 'weight', shape: [outputs, 8], init: { kind: 'zeros' } } })
  const { inputs } = graph.build(new Map([['y', { value: ops.shaped(y), dims: y.dims }]])).graph
  return inputs.map(({ name }) => name).filter((name) => name !== 'x')
}

it.each<[string, Kernels, (number | string)[], number, string[]]>([
  ['widens many rows on the processor', 'cpu', ['batch', 128, 8], 32, ['weight']],
  ['widens many rows in a browser', 'wasm', ['batch', 128, 8], 32, ['weight']],
  ['keeps the width of many rows', 'cpu', ['batch', 128, 8], 8, ['weight']],
  ['has fewer rows', 'cpu', ['batch', 127, 8], 32, []],
  ['has as many rows as there are tokens', 'cpu', ['batch', 'length', 8], 32, []],
  ['has one row for each picture', 'cpu', ['batch', 8], 32, []],
  ['may run on a provider that compiles constants', 'contributed', ['batch', 128, 8], 32, []],
  ['is to be exported', 'standard', ['batch', 128, 8], 32, []],
])('weights are packed ahead unless it does not pay: a layer that %s (%s)', (_, kernels, dims, outputs, expected) => {
  expect(overridable(kernels, dims, outputs)).toEqual(expected)
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
