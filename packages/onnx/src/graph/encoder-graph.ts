import { BackendError } from '@dual-encoder/core'
import { encode, type EncodeRequest, type EncoderOutput, type EncoderSpec } from '@dual-encoder/core/backend'
import type { Kernels } from './kernels'
import { OnnxOps } from '../ops'
import type { OnnxValue, PlaceParam } from '../primitives'
import { GraphBuilder } from './builder'
import type { ModelProto } from './proto'

const BATCH = 'batch'
const LENGTH = 'length'

/** Inputs of an encoder's graph by the names that transformers gives them. */
export const TEXT_INPUTS = {
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  tokenTypeIds: 'token_type_ids',
  positionIds: 'position_ids',
} as const

/** The outputs that a request asks for, by name: `hidden_states.0` and so on for lists. */
function namedOutputs(output: EncoderOutput<OnnxValue>, request: EncodeRequest): [string, OnnxValue | undefined][] {
  const list = (name: string, values: readonly OnnxValue[] | undefined) =>
    (values ?? []).map((value, i): [string, OnnxValue] => [`${name}.${i}`, value])
  return [
    ...(request.features ? [['features', output.features] as [string, OnnxValue | undefined]] : []),
    ...(request.embeds ? [['embeds', output.embeds] as [string, OnnxValue | undefined]] : []),
    ...(request.poolerOutput ? [['pooler_output', output.poolerOutput] as [string, OnnxValue]] : []),
    ...(request.lastHiddenState
      ? [['last_hidden_state', output.lastHiddenState] as [string, OnnxValue | undefined]]
      : []),
    ...list('hidden_states', request.hiddenStates ? output.hiddenStates : undefined),
    ...list('attentions', request.attentions ? output.attentions : undefined),
  ]
}

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
  const ids = (name: string) => ops.input(name, 'int64', [BATCH, LENGTH])
  const inputs =
    encoder.kind === 'vision'
      ? {
          pixelValues: ops.input('pixel_values', 'float32', [BATCH, encoder.config.numChannels, ...imageSize]),
          imageSize,
        }
      : {
          inputIds: ids(TEXT_INPUTS.inputIds),
          attentionMask: ids(TEXT_INPUTS.attentionMask),
          tokenTypeIds: ids(TEXT_INPUTS.tokenTypeIds),
          positionIds: ids(TEXT_INPUTS.positionIds),
        }
  const outputs = new Map<string, { value: string; dims: readonly (number | string)[] }>()
  for (const [name, value] of namedOutputs(encode<OnnxValue>(ops, encoder, inputs, request), request)) {
    if (!value) throw new BackendError('no-output', `The ${encoder.kind} encoder gives no ${name}.`)
    outputs.set(name, { value: ops.shaped(value), dims: value.dims })
  }
  return graph.build(outputs)
}
