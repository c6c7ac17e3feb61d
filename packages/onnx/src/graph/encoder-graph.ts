import {
  BackendError,
  encode,
  type EncodeRequest,
  encoderInputs,
  type EncoderSpec,
  namedOutputs,
  type Param,
  snakeCase,
} from '@dual-encoder/core/backend'
import type { Int8Weights } from '../int8/weights'
import type { Kernels } from './kernels'
import { OnnxOps } from '../ops'
import type { OnnxValue, ParamData } from '../primitives'
import { GraphBuilder, type GraphOutputs } from './builder'
import type { ModelProto, TensorProto } from './proto'
import { type KeptTable, RunOps } from './run-ops'

export interface GraphOptions {
  /** `[height, width]` of the images; needed for a vision encoder. */
  readonly imageSize?: readonly [number, number]
  readonly kernels: Kernels
  readonly int8?: Int8Weights
}

function write(
  ops: OnnxOps,
  encoder: EncoderSpec,
  request: EncodeRequest,
  imageSize: readonly [number, number] = [0, 0],
): GraphOutputs {
  const inputs = encoderInputs(encoder, imageSize).map(({ name, dtype, dims }): [string, OnnxValue] => [
    name,
    ops.input(snakeCase(name), dtype, dims),
  ])
  const batch = { inputs: Object.fromEntries(inputs), imageSize }
  const outputs = new Map<string, { value: string; dims: readonly (number | string)[] }>()
  for (const [name, value] of namedOutputs(encode<OnnxValue>(ops, encoder, batch, request), request)) {
    if (!value) throw new BackendError('no-output', `The ${encoder.kind} encoder gives no ${name}.`)
    outputs.set(name, { value: ops.shaped(value), dims: value.dims })
  }
  return outputs
}

/** An encoder as an ONNX model: dynamic batch and length, its weights as `dataOf` says. */
export function encoderGraph(
  encoder: EncoderSpec,
  request: EncodeRequest,
  dataOf: ParamData,
  { imageSize, kernels }: GraphOptions,
): ModelProto {
  const graph = new GraphBuilder(encoder.config.modelType)
  return graph.build(write(new OnnxOps(graph, dataOf, kernels), encoder, request, imageSize))
}

/** What runs for pictures of one size, its weights not there yet. */
export interface TracedEncoder {
  /** With a constant of its own wherever one was written. */
  readonly model: ModelProto
  /** Computes inputs of the model that depend on the size alone: tables of positions. */
  readonly tables?: ModelProto
  /** Weights that are inputs of the model as they lie, by the names of those. */
  readonly kept: ReadonlyMap<string, KeptTable>
  /** Either with the weights as `dataOf` says. */
  withData(model: ModelProto, dataOf: ParamData): ModelProto
  /** Names of the weights that either reads. */
  weightsOf(model: ModelProto): Set<string>
}

export function traceEncoder(
  encoder: EncoderSpec,
  request: EncodeRequest,
  { imageSize, kernels, int8 }: GraphOptions,
): TracedEncoder {
  const params = new Map<TensorProto['data'], Param>()
  const noted = (param: Param): TensorProto['data'] => {
    const data = { location: '', offset: 0, length: 0 }
    params.set(data, param)
    return data
  }
  const graph = new GraphBuilder(encoder.config.modelType)
  const ops = new RunOps(graph, noted, kernels, int8)
  const model = graph.collect(write(ops, encoder, request, imageSize))
  return {
    model,
    tables: ops.tables,
    kept: ops.kept,
    withData(given, dataOf) {
      const initializers = given.graph.initializers.map((tensor) => {
        const param = params.get(tensor.data)
        return param ? { ...tensor, data: dataOf(param) as TensorProto['data'] } : tensor
      })
      return { ...given, graph: { ...given.graph, initializers } }
    },
    weightsOf: ({ graph: { initializers } }) =>
      new Set(initializers.flatMap(({ data }) => params.get(data)?.name ?? [])),
  }
}
