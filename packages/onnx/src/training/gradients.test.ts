import { type Tensor, tensor } from '@dual-encoder/core'
import ort from 'onnxruntime-node'
import { expect, it } from 'vitest'
import { GraphBuilder } from '../graph/builder'
import { serialize } from '../graph/proto'
import { OnnxOps } from '../ops'

it('adds up the gradients of ids that come again and again, the same in a hundred runs', async () => {
  const [rows, width, count] = [64 * 16, 32, 50]
  // [CLS], words, [SEP] and padding.
  const ids = BigInt64Array.from({ length: rows }, (_, i) => [2n, 7n, BigInt(i % count), 3n, 0n, 0n][i % 6] as bigint)
  const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i))
  const graph = new GraphBuilder('scatter')
  const ops = new OnnxOps(graph, () => new Uint8Array(), 'cpu')
  const sums = ops.scatterAdd(ops.input('rows', 'float32', [rows, width]), ops.input('ids', 'int64', [rows]), count)
  const model = serialize(graph.build(new Map([['sums', { value: ops.shaped(sums), dims: sums.dims }]])))
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 2, logSeverityLevel: 3 })
  const feeds = { rows: new ort.Tensor('float32', values, [rows, width]), ids: new ort.Tensor('int64', ids, [rows]) }
  const run = async () => (await session.run(feeds)).sums!.data as Float32Array
  const first = (await run()).slice()
  const wanted = new Float64Array(count * width)
  values.forEach((value, i) => (wanted[Number(ids[Math.floor(i / width)]) * width + (i % width)]! += value))
  first.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-4))
  for (let i = 0; i < 100; i++) expect(await run()).toEqual(first)
  await session.release()
})

it('multiplies matrices whichever is transposed, on their own and by the batch', async () => {
  const wave = (dims: readonly number[], step: number): Tensor<'float32'> =>
    tensor(
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * step)),
      dims,
    )
  const { HostOps } = await import('@dual-encoder/core/training')
  const host = new HostOps()
  const graph = new GraphBuilder('products')
  const ops = new OnnxOps(graph, () => new Uint8Array(), 'cpu')
  const outputs = new Map<string, { value: string; dims: readonly (number | string)[] }>()
  const wanted = new Map<string, Float64Array>()
  for (const lead of [[], [3]])
    for (const shared of [true, false])
      for (const transposeA of [false, true])
        for (const transposeB of [false, true]) {
          const swap = (dims: number[], swapped: boolean) => (swapped ? dims.toReversed() : dims)
          const a = wave([...lead, ...swap([2, 4], transposeA)], 0.7)
          const b = wave([...(shared ? [] : lead), ...swap([4, 5], transposeB)], 0.3)
          const name = JSON.stringify([lead, shared, transposeA, transposeB])
          const options = { transposeA, transposeB }
          const y = ops.matMul(ops.constant(a), ops.constant(b), options)
          outputs.set(name, { value: ops.shaped(y), dims: y.dims })
          const expected = host.matMul(host.constant(a), host.constant(b), options)
          expect(y.dims, name).toEqual(expected.dims)
          wanted.set(name, expected.data)
        }
  const session = await ort.InferenceSession.create(serialize(graph.build(outputs)), { logSeverityLevel: 3 })
  const results = await session.run({})
  for (const [name, expected] of wanted)
    (results[name]!.data as Float32Array).forEach((value, i) =>
      expect(Math.abs(value - expected[i]!), name).toBeLessThan(1e-6),
    )
  await session.release()
})
