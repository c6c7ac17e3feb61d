import { expect, it } from 'vitest'
import { GraphBuilder } from './graph/builder'
import { type Kernels, OnnxOps } from './ops'

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
  ['keeps the width', 'cpu', ['batch', 128, 8], 8, []],
  ['has fewer rows', 'cpu', ['batch', 127, 8], 32, []],
  ['has as many rows as there are tokens', 'cpu', ['batch', 'length', 8], 32, []],
  ['has one row for each picture', 'cpu', ['batch', 8], 32, []],
  ['may run on a provider that compiles constants', 'contributed', ['batch', 128, 8], 32, []],
  ['is to be exported', 'standard', ['batch', 128, 8], 32, []],
])('weights are packed ahead unless it does not pay: a layer that %s (%s)', (_, kernels, dims, outputs, expected) => {
  expect(overridable(kernels, dims, outputs)).toEqual(expected)
})
