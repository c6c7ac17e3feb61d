import { type Tensor, tensor } from '@dual-encoder/core'
import type { Ops } from '@dual-encoder/core/backend'
import { Tape, type Traced } from '@dual-encoder/core/training'
import * as tf from '@tensorflow/tfjs-core'
import ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OP_CASES, type OpCase, values } from '../../packages/core/src/ops/autodiff/op-cases'
import { ACTIVATIONS } from '../../packages/core/src/ops/host/activations'
import { HostOps, type HostValue } from '../../packages/core/src/ops/host/host-ops'
import { GraphBuilder } from '../../packages/onnx/src/graph/builder'
import { serialize } from '../../packages/onnx/src/graph/proto'
import { OnnxOps } from '../../packages/onnx/src/ops'
import type { OnnxValue } from '../../packages/onnx/src/primitives'
import { TfjsEngine } from '../../packages/tfjs/src/engine'
import { TreeWeights } from '../../packages/tfjs/src/weights'
import { WebGpuEngine } from '../../packages/webgpu/src/engine'
import { difference } from './compare'

/*
 * Every op on every backend, its value and its gradients on core's tape, against the slow and obvious ones on the host
 * in float64. A backend's fused ops run here too, where the shapes fit them.
 */

type Floats = Tensor<'float32'>

/** A case with its numbers, as float32 has them. */
interface Given {
  readonly f: OpCase['f']
  readonly xs: readonly Floats[]
  readonly params: ReadonlyMap<string, Floats>
  /** What the value is multiplied by before it is summed. */
  factors(dims: readonly number[]): Floats
}
/** The value and the gradients of variables and parameters, by name. */
type Found = Map<string, Tensor>

const rounded = (dims: readonly number[], seed: number): Floats =>
  tensor(Float32Array.from(values(dims, seed).data), dims)

const given = ({ of, params = [], f }: OpCase): Given => ({
  f,
  xs: of.map((dims, i) => rounded(dims, i + 1)),
  params: new Map(params.map(({ name, shape }, i) => [name, rounded(shape, 20 + i)])),
  factors: (dims) => rounded(dims, 50),
})

/** The value of a case and its gradients, over any ops. */
function traced<T>(ops: Ops<T>, { f, factors }: Given, xs: readonly T[]): Map<string, T> {
  const tape = new Tape(ops)
  const leaves = xs.map((x) => tape.leaf(x))
  const y = f<Traced<T>>(tape, leaves)
  const seed = ops.constant(factors(ops.dims(y.value) as number[]))
  const found = tape.gradients([[y, seed]], leaves)
  const gradients = found.leaves.map((x, i) => [`gradient of variable ${i}`, x as T] as const)
  return new Map([['value', f(ops, [...xs])], ['value on the tape', y.value], ...gradients, ...found.params])
}

interface Suite {
  start?(): Promise<unknown>
  end?(): Promise<unknown>
  run(each: Given): Promise<Found>
}

async function onOnnx(each: Given): Promise<Found> {
  const graph = new GraphBuilder('case')
  const place = ({
    name,
    rows,
    shape,
  }: {
    name: string
    rows?: readonly [number, number]
    shape: readonly number[]
  }) => {
    const { data } = each.params.get(name)!
    const step = data.length / (shape[0] ?? 1)
    const part = rows ? data.slice(rows[0] * step, rows[1] * step) : data
    return new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  }
  const ops = new OnnxOps(graph, place, 'cpu')
  const xs = each.xs.map(({ dims }, i) => ops.input(`x${i}`, 'float32', dims))
  const outputs = [...traced<OnnxValue>(ops, each, xs)].map(
    ([name, x]) => [`found.${name}`, { value: ops.shaped(x), dims: x.dims }] as const,
  )
  const session = await ort.InferenceSession.create(serialize(graph.build(new Map(outputs))), { logSeverityLevel: 3 })
  const feeds = each.xs.map(({ data, dims }, i) => [`x${i}`, new ort.Tensor('float32', data, dims)] as const)
  const needed = feeds.filter(([name]) => session.inputNames.includes(name))
  const results = await session.run(Object.fromEntries(needed))
  await session.release()
  return new Map(
    Object.entries(results).map(([name, { data, dims }]) => [
      name.replace('found.', ''),
      tensor(data as Float32Array, dims),
    ]),
  )
}

const onTfjs = (engine: TfjsEngine | WebGpuEngine): Suite => ({
  start: () => engine.start(),
  end: () => engine.leave(),
  run(each) {
    const compute = () => {
      const onDevice = ({ data, dims }: Floats) => tf.tensor(data, [...dims])
      const tree = Object.fromEntries([...each.params].map(([name, value]) => [name, onDevice(value)]))
      return Object.fromEntries(traced<tf.Tensor>(engine.ops(new TreeWeights(tree)), each, each.xs.map(onDevice)))
    }
    const read = async (found: Record<string, tf.Tensor>): Promise<Found> => {
      const entries = Object.entries(found).map(async ([name, x]) => {
        return [name, tensor((await x.data<'float32'>()) as Float32Array, x.shape)] as const
      })
      return new Map(await Promise.all(entries))
    }
    return engine.run(compute, read)
  },
})

const SUITES: Readonly<Record<string, Suite>> = {
  onnx: { run: onOnnx },
  'tfjs on cpu': onTfjs(new TfjsEngine({ backend: 'cpu' })),
  'tfjs on wasm': onTfjs(new TfjsEngine({ backend: 'wasm' })),
  webgpu: onTfjs(new WebGpuEngine({})),
}

const activations = Object.keys(ACTIVATIONS).map((name): [string, OpCase] => [
  `activation ${name}`,
  { of: [[3, 4]], f: (ops, [x]) => ops.activation(ops.mul(x!, ops.scalar(5)), name as 'gelu') },
])
const cases = [...Object.entries(OP_CASES), ...activations]

describe.each(Object.entries(SUITES))('ops on %s', (_, { start, end, run }) => {
  beforeAll(async () => void (await start?.()))
  afterAll(async () => void (await end?.()))

  it.each(cases)('%s', async (_, each) => {
    const numbers = given(each)
    const host = new HostOps((name) => numbers.params.get(name))
    const wanted = traced<HostValue>(
      host,
      numbers,
      numbers.xs.map((x) => host.constant(x)),
    )
    const found = await run(numbers)
    expect([...found.keys()]).toEqual([...wanted.keys()])
    for (const [name, value] of wanted) {
      const { relative, ...worst } = difference(found.get(name)!, value)
      expect(relative, `${name}: ${JSON.stringify(worst)}`).toBeLessThan(3e-6)
    }
  })
})
