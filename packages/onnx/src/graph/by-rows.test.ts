import { Tape } from '@dual-encoder/core/training'
import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { OnnxOps } from '../ops'
import type { OnnxValue } from '../primitives'
import { GraphBuilder } from './builder'
import type { Kernels } from './kernels'
import { withoutLastCopies } from './outputs'
import { type ModelProto, serialize } from './proto'

/** x times (the sum of its row's squares / `shift` + 0.5). */
function write(kernels: Kernels, dims: readonly number[]): ModelProto {
  const graph = new GraphBuilder('rows')
  const ops = new OnnxOps(graph, () => new Uint8Array(), kernels)
  const [x, shift] = [ops.input('x', 'float32', dims), ops.input('shift', 'float32', dims)]
  const compute = (on: OnnxOps, [a, b]: readonly OnnxValue[]) => {
    const squares = on.sum(on.mul(a!, a!), [-1], true)
    return [on.mul(a!, on.add(on.div(squares, b!), on.scalar(0.5)))]
  }
  const [y] = (ops.byRows([x, shift], compute) ?? compute(ops, [x, shift])) as [OnnxValue]
  return withoutLastCopies(graph.build(new Map([['y', { value: ops.shaped(y), dims: y.dims }]])))
}

/** Gradients of a layer behind an activation, by the activation's input and the layer's weight; or what the layer gives alone. */
function writeGradients(kernels: Kernels, isForward = false): ModelProto {
  const graph = new GraphBuilder('gradients')
  const ops = new OnnxOps(graph, () => 'input', kernels)
  const tape = new Tape<OnnxValue>(ops)
  const x = tape.leaf(ops.input('x', 'float32', [1024, 512]))
  const weight = { name: 'weight', shape: [3, 512], init: { kind: 'zeros' } } as const
  const y = tape.linear(tape.activation(x, 'gelu'), { weight })
  if (isForward) return graph.build(new Map([['y', { value: ops.shaped(y.value), dims: y.value.dims }]]))
  const { params, leaves } = tape.gradients([[y, ops.input('g', 'float32', [1024, 3])]], [x])
  const ends = [...params, ['x', leaves[0]!] as const]
  return withoutLastCopies(
    graph.build(new Map(ends.map(([name, v]) => [`${name}.grad`, { value: ops.shaped(v), dims: v.dims }]))),
  )
}

const wave = (dims: readonly number[], step: number, least = 0): ort.Tensor => {
  const length = dims.reduce((product, size) => product * size, 1)
  return new ort.Tensor(
    'float32',
    Float32Array.from({ length }, (_, i) => Math.sin(i * step) + least),
    dims,
  )
}

async function run(model: ModelProto, feeds: Readonly<Record<string, ort.Tensor>>) {
  const session = await ort.InferenceSession.create(serialize(model), { intraOpNumThreads: 2, logSeverityLevel: 3 })
  const results = await session.run(feeds)
  await session.release()
  return results
}

/** The largest difference of two tensors, of the size of what is wanted where that is over 1. */
function worst(ours: ort.Tensor, wanted: ort.Tensor): number {
  expect(ours.dims).toEqual(wanted.dims)
  const [a, b] = [ours.data as Float32Array, wanted.data as Float32Array]
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!) / (1 + Math.abs(b[i]!))), 0)
}

const scans = ({ graph }: ModelProto): number => graph.nodes.filter(({ op }) => op === 'Scan').length

it.each([
  ['blocks of rows', [12, 32, 2048], 1],
  ['the whole where nothing divides its rows', [397, 2048], 0],
  ['the whole where it is small', [4, 64, 64], 0],
] as const)('goes through %s, to the same numbers', async (_, dims, count) => {
  const feeds = { x: wave(dims, 0.7), shift: wave(dims, 0.3, 2) }
  const [blocks, whole] = [write('cpu', dims), write('wasm', dims)]
  expect([scans(blocks), scans(whole)]).toEqual([count, 0])
  expect(worst((await run(blocks, feeds)).y!, (await run(whole, feeds)).y!)).toBeLessThan(1e-6)
})

it('has the same gradients behind an activation, whose values and slopes go by rows at once', async () => {
  const feeds = { x: wave([1024, 512], 0.7), weight: wave([3, 512], 0.3), g: wave([1024, 3], 0.9) }
  const [blocks, whole] = [writeGradients('cpu'), writeGradients('wasm')]
  expect([scans(blocks), scans(whole)]).toEqual([1, 0])
  const [ours, wanted] = [await run(blocks, feeds), await run(whole, feeds)]
  expect(Object.keys(ours).sort()).toEqual(['weight.grad', 'x.grad'])
  for (const [name, x] of Object.entries(wanted)) expect(worst(ours[name]!, x), name).toBeLessThan(1e-5)
})

it('computes no slopes where values are all that is wanted', async () => {
  const feeds = { x: wave([1024, 512], 0.7), weight: wave([3, 512], 0.3) }
  const [blocks, whole] = [writeGradients('cpu', true), writeGradients('wasm', true)]
  const [scan] = blocks.graph.nodes.filter(({ op }) => op === 'Scan')
  const [given] = writeGradients('cpu').graph.nodes.filter(({ op }) => op === 'Scan')
  const nodes = (node = scan) => (node?.attributes.body as { graph: ModelProto['graph'] }).graph.nodes.length
  expect(nodes()).toBeLessThan(nodes(given))
  expect(worst((await run(blocks, feeds)).y!, (await run(whole, feeds)).y!)).toBeLessThan(1e-5)
})
