import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { OnnxOps } from '../ops'
import type { OnnxValue } from '../primitives'
import { GraphBuilder } from './builder'
import type { Kernels } from './kernels'
import { withoutLastCopies } from './outputs'
import { type ModelProto, serialize } from './proto'

/** x times the sum of its row's squares over `shift`, from x and a matrix of the same sizes; constants and a sum on the way. */
function write(kernels: Kernels, dims: readonly number[]): ModelProto {
  const graph = new GraphBuilder('rows')
  const ops = new OnnxOps(graph, () => new Uint8Array(), kernels)
  const [x, shift] = [ops.input('x', 'float32', dims), ops.input('shift', 'float32', dims)]
  const y = ops.byRows([x, shift], (on, [a, b]: readonly OnnxValue[]) => {
    const squares = on.sum(on.mul(a!, a!), [-1], true)
    return on.mul(a!, on.add(on.div(squares, b!), on.scalar(0.5)))
  })
  return withoutLastCopies(graph.build(new Map([['y', { value: ops.shaped(y), dims: y.dims }]])))
}

const scans = ({ graph }: ModelProto): number => graph.nodes.filter(({ op }) => op === 'Scan').length

it.each([
  ['blocks of rows', [12, 32, 2048], 1],
  ['the whole where nothing divides its rows', [397, 2048], 0],
  ['the whole where it is small', [4, 64, 64], 0],
] as const)('goes through %s, to the same numbers', async (_, dims, count) => {
  const length = dims.reduce<number>((product, size) => product * size, 1)
  const wave = (step: number, least: number) =>
    new ort.Tensor(
      'float32',
      Float32Array.from({ length }, (_, i) => Math.sin(i * step) + least),
      dims,
    )
  const feeds = { x: wave(0.7, 0), shift: wave(0.3, 2) }
  const run = async (model: ModelProto) => {
    const session = await ort.InferenceSession.create(serialize(model), { intraOpNumThreads: 2, logSeverityLevel: 3 })
    const { y } = await session.run(feeds)
    await session.release()
    return y!
  }
  const [blocks, whole] = [write('cpu', dims), write('wasm', dims)]
  expect([scans(blocks), scans(whole)]).toEqual([count, 0])
  const [ours, wanted] = [await run(blocks), await run(whole)]
  expect(ours.dims).toEqual(dims)
  const [a, b] = [ours.data as Float32Array, wanted.data as Float32Array]
  const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!) / (1 + Math.abs(b[i]!))), 0)
  expect(worst).toBeLessThan(1e-6)
})
