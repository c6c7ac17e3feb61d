import type { WeightEntry, Weights } from '../weights/entry'
import type { Ops } from '../ops/ops'
import { Scope } from '../ops/scope'
import type {
  Taps,
  TextConfig,
  TextInputs,
  TextTowerModule,
  TowerOutput,
  VisionConfig,
  VisionInputs,
  VisionTowerModule,
} from '../towers/tower'
import type { Tensor } from '../base/tensor'

/** One side of the model: a tower, its config and, in a dual encoder, the projection behind it. */
export type EncoderSpec = VisionEncoderSpec | TextEncoderSpec

interface EncoderBase {
  /** Size of the shared space; undefined for a tower on its own, which has no projection. */
  readonly projectionDim?: number
  /** Standard deviation with which a new projection is drawn. */
  readonly projectionStd?: number
}
export interface VisionEncoderSpec extends EncoderBase {
  readonly kind: 'vision'
  readonly tower: VisionTowerModule
  readonly config: VisionConfig
}
export interface TextEncoderSpec extends EncoderBase {
  readonly kind: 'text'
  readonly tower: TextTowerModule
  readonly config: TextConfig
}

/** Which outputs a run is to compute. */
export interface EncodeRequest extends Taps {
  readonly poolerOutput?: boolean
  /** Projected, not normalised. */
  readonly features?: boolean
  /** Projected and normalised. */
  readonly embeds?: boolean
}

/** A tower's outputs with the projected ones: `features` and `embeds` are `[B, projectionDim]`. */
export interface EncoderOutput<T> extends TowerOutput<T> {
  features?: T
  embeds?: T
}

/** Host inputs of a run, already validated and completed by core. */
export interface VisionBatch {
  /** `[B, C, H, W]` float32 */
  readonly pixelValues: Tensor<'float32'>
}
export interface TextBatch {
  /** `[B, L]` int64 each. */
  readonly inputIds: Tensor<'int64'>
  readonly tokenTypeIds: Tensor<'int64'>
  readonly positionIds: Tensor<'int64'>
  readonly attentionMask: Tensor<'int64'>
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Run as in training: dropout and stochastic depth draw from this seed. Only for backends that train. */
  readonly dropoutSeed?: number
}

/**
 * One encoder made ready by a backend. Safe to call concurrently; a failed run leaves it usable.
 * Engine resources are created on the first run that needs them.
 */
export interface EncoderRunner {
  run(
    batch: VisionBatch | TextBatch,
    request: EncodeRequest,
    options?: RunOptions,
  ): Promise<Partial<EncoderOutput<Tensor>>>
  dispose(): Promise<void>
}

/** Names of the weights of each kind of encoder inside a dual encoder's checkpoint. */
export const ENCODER_NAMES = {
  vision: { tower: 'vision_model', projection: 'visual_projection' },
  text: { tower: 'text_model', projection: 'text_projection' },
} as const

/** The weights of one encoder among those of a model. */
export function encoderWeights({ kind }: EncoderSpec, weights: Weights): WeightEntry[] {
  const { tower, projection } = ENCODER_NAMES[kind]
  return [...weights.values()].filter(({ name }) => name.startsWith(`${tower}.`) || name.startsWith(`${projection}.`))
}

/**
 * Runs tower, projection and normalisation over a backend's ops. The whole of an encoder's
 * computation: backends call this to build a graph, to run eagerly, or to trace.
 */
export function encode<T>(
  ops: Ops<T>,
  encoder: EncoderSpec,
  inputs: VisionInputs<T> | TextInputs<T>,
  request: EncodeRequest,
): EncoderOutput<T> {
  const names = ENCODER_NAMES[encoder.kind]
  const std = encoder.config.initializerRange
  const weights = new Scope(names.tower, std)
  const output: EncoderOutput<T> =
    encoder.kind === 'vision'
      ? encoder.tower.forward(ops, weights, encoder.config, inputs as VisionInputs<T>, request)
      : encoder.tower.forward(ops, weights, encoder.config, inputs as TextInputs<T>, request)
  if (encoder.projectionDim !== undefined && (request.features || request.embeds)) {
    const projection = new Scope(names.projection, encoder.projectionStd ?? std).linear(
      encoder.config.hiddenSize,
      encoder.projectionDim,
      { bias: false },
    )
    output.features = ops.linear(output.poolerOutput, projection)
    if (request.embeds) output.embeds = ops.l2Normalize(output.features)
  }
  return output
}
