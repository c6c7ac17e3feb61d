import { BackendError } from '@dual-encoder/core'
import {
  encode,
  type EncodeRequest,
  encoderInputs,
  type EncoderSpec,
  namedOutputs,
  snakeCase,
} from '@dual-encoder/core/backend'
import type { Kernels } from './kernels'
import { OnnxOps } from '../ops'
import type { OnnxValue, PlaceParam } from '../primitives'
import { GraphBuilder } from './builder'
import type { ModelProto } from './proto'

export interface GraphOptions {
  /** `[height, width]` of the images; needed for a vision encoder. */
  readonly imageSize?: readonly [number, number]
  readonly kernels: Kernels
}

/** An encoder as an ONNX model: dynamic batch and length, its weights where `place` says. */
export function encoderGraph(
  encoder: EncoderSpec,
  request: EncodeRequest,
  place: PlaceParam,
  { imageSize = [0, 0], kernels }: GraphOptions,
): ModelProto {
  const graph = new GraphBuilder(encoder.config.modelType)
  const ops = new OnnxOps(graph, place, kernels)
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
  return graph.build(outputs)
}
