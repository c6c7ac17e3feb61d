import type { Tensor } from '@dual-encoder/core'
import { atOnce, type LoadedModel, MemoMap, sizeOf, tensor, type Weights } from '@dual-encoder/core/backend'
import { Tape } from '@dual-encoder/core/training'
import { GraphBuilder } from '../graph/builder'
import type { Kernels } from '../graph/kernels'
import type { ModelProto } from '../graph/proto'
import { OnnxOps } from '../ops'
import type { OnnxOptions } from '../options'
import type { OnnxValue, ParamData } from '../primitives'
import { openSession, type OpenSession, runSession } from '../session'
import { namedInputs, type Sides, writeLoss } from './loss-graph'

/** Sessions kept: one for each size of batch and choice of parameters. */
const MAX_SESSIONS = 4

interface Wanted {
  readonly loss?: 'clip' | 'siglip'
  readonly names: readonly string[]
  readonly recompute?: 'layers'
}

const outputOf = (name: string): string => `gradient.${name}`

/** Loss and gradients of a model as one graph, whose weights lie where `dataOf` says. */
function gradientGraph(
  model: LoadedModel,
  sides: Sides,
  { loss, names, recompute }: Wanted,
  dataOf: ParamData,
  kernels: Kernels,
): ModelProto {
  const graph = new GraphBuilder('gradients')
  const ops = new OnnxOps(graph, dataOf, kernels)
  const wanted = new Set(names)
  const tape = new Tape<OnnxValue>(ops, (name) => wanted.has(name), { recompute })
  const value = atOnce(writeLoss(ops, tape, model, sides, { loss }))
  const { params } = tape.gradients([[value, ops.scalar(1)]])
  const outputs = [['loss', value.value] as const, ...[...params].map(([name, x]) => [outputOf(name), x] as const)]
  return graph.build(new Map(outputs.map(([name, x]) => [name, { value: ops.shaped(x), dims: x.dims }])))
}

/** Computes gradients of a model on ONNX Runtime. */
export class OnnxGradients {
  readonly #sessions = new MemoMap<string, OpenSession>()

  constructor(
    private readonly model: LoadedModel,
    private readonly weights: Weights,
    private readonly options: OnnxOptions,
  ) {}

  async run(sides: Sides, wanted: Wanted, signal?: AbortSignal): Promise<{ loss: number; grads: Map<string, Tensor> }> {
    const { model, weights, options } = this
    const inputs = Object.entries({ ...namedInputs('text', sides.texts), ...namedInputs('vision', sides.images) })
    const key = JSON.stringify([inputs.map(([name, { dims }]) => [name, dims]), wanted])
    const opening = this.#sessions.get(key, () =>
      openSession([...weights.values()], weights, options, (dataOf, kernels) =>
        gradientGraph(model, sides, wanted, dataOf, kernels),
      ),
    )
    for (const old of this.#sessions.dropBeyond(MAX_SESSIONS)) void old.then(({ session }) => session.release())
    const opened = await opening
    const { session, engine } = opened
    const feeds = inputs
      .filter(([name]) => session.inputNames.includes(name))
      .map(([name, { dtype, data, dims }]) => [name, new engine.Tensor(dtype as 'float32', data as Float32Array, dims)])
    const results = await runSession(opened, Object.fromEntries(feeds) as Parameters<typeof runSession>[1], { signal })
    const grads = wanted.names.map((name): [string, Tensor] => {
      const dims = weights.get(name)?.shape ?? []
      const found = results[outputOf(name)]?.data as Float32Array | undefined
      return [name, tensor(found?.slice() ?? new Float32Array(sizeOf(dims)), dims)]
    })
    return { loss: (results.loss?.data as Float32Array)[0] as number, grads: new Map(grads) }
  }

  async dispose(): Promise<void> {
    await Promise.all(
      this.#sessions.clear().map(async (opening) => (await opening.catch(() => undefined))?.session.release()),
    )
  }
}
