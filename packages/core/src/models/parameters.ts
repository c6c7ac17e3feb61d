import { pairOf } from '../towers/grid'
import type { EncoderSpec } from './encoder'
import { ENCODER_NAMES, encode } from './encoder'
import type { Linear, Norm, Ops, Param, Projection } from '../ops/ops'
import { Scope } from '../ops/scope'

/** Runs a tower for its names only: every op notes the weights it is asked for. */
class ParameterTracer implements Ops<void> {
  readonly params = new Map<string, Param>()

  param(param: Param): void {
    if (!param.rows || !this.params.has(param.name)) this.params.set(param.name, { ...param, rows: undefined })
  }
  private noteLayer({ weight, bias }: Linear | Norm): void {
    this.param(weight)
    if (bias) this.param(bias)
  }
  linear(_x: void, layer: Linear): void {
    this.noteLayer(layer)
    if (layer.scale) this.param(layer.scale)
  }
  linears(_x: void, layers: readonly Projection[]): void[] {
    return layers.map((layer) => this.noteLayer(layer))
  }
  layerNorm(_x: void, norm: Norm): void {
    this.noteLayer(norm)
  }
  addLayerNorm(_x: void, _residual: void, norm: Norm): { sum: void; normed: void } {
    return { sum: undefined, normed: this.noteLayer(norm) }
  }
  embedding(_ids: void, table: Param): void {
    this.param(table)
  }
  patchEmbed(_pixels: void, layer: Projection): void {
    this.noteLayer(layer)
  }
  attention(): { context: void; probs?: void } {
    return { context: undefined }
  }
  constant(): void {}
  activation(): void {}
  add(): void {}
  mul(): void {}
  matMul(): void {}
  transpose(): void {}
  reshape(): void {}
  gather(): void {}
  expandToBatch(): void {}
  concatTokens(): void {}
  sliceTokens(): void {}
  token(): void {}
  meanTokens(): void {}
  l2Normalize(): void {}
  dropout(): void {}
  dropPath(): void {}
}

/** Every weight of an encoder in the order of its computation, by its name in a dual encoder's checkpoint. */
export function encoderParams(encoder: EncoderSpec): Map<string, Param> {
  const tracer = new ParameterTracer()
  const names = ENCODER_NAMES[encoder.kind]
  const weights = new Scope(names.tower, encoder.config.initializerRange)
  const idle =
    encoder.kind === 'vision'
      ? encoder.tower.idleParams?.(weights, encoder.config)
      : encoder.tower.idleParams?.(weights, encoder.config)
  for (const param of idle ?? []) tracer.param(param)
  const imageSize = encoder.kind === 'vision' ? pairOf(encoder.config.imageSize) : ([0, 0] as const)
  const inputs = {
    pixelValues: undefined,
    imageSize,
    inputIds: undefined,
    tokenTypeIds: undefined,
    positionIds: undefined,
    attentionMask: undefined,
  }
  encode<void>(tracer, encoder, inputs, { features: true, lastHiddenState: true })
  return tracer.params
}
