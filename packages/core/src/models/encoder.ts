import type { WeightEntry, Weights } from '../weights/entry'
import { snakeCase } from '../base/names'
import type { Ops } from '../ops/ops'
import type { InputDim } from '../towers/inputs'
import { Scope } from '../ops/scope'
import type { Taps, TextConfig, TextTowerModule, TowerOutput, VisionConfig, VisionTowerModule } from '../towers/tower'
import type { Tensor } from '../base/tensor'

/** One side of the model: a tower, its config and, in a dual encoder, the projection behind it. */
export type EncoderSpec = VisionEncoderSpec | TextEncoderSpec

interface EncoderBase {
  /** The linear layer into the shared space; none where the tower ends in it, or stands on its own. */
  readonly projection?: {
    readonly dim: number
    /** Standard deviation with which a new one is drawn. */
    readonly std: number
  }
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
  /** Projected (where there is a projection), not normalised. */
  readonly features?: boolean
  /** `features`, normalised. */
  readonly embeds?: boolean
}

/** A tower's outputs with the projected ones: `features` and `embeds` are vectors of the shared space, `[B, size]`. */
export interface EncoderOutput<T> extends TowerOutput<T> {
  features?: T
  embeds?: T
}

/** Inputs of a run by their names; on the host, already validated and completed by core. */
export interface Batch<T = Tensor> {
  /** Those that `encoderInputs` lists. */
  readonly inputs: Readonly<Record<string, T>>
  /** Of a vision encoder: height and width of the pictures, numbers while it runs. */
  readonly imageSize?: readonly [number, number]
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
  run(batch: Batch, request: EncodeRequest, options?: RunOptions): Promise<Partial<EncoderOutput<Tensor>>>
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

/** One input of an encoder. */
export interface EncoderInput {
  /** `inputIds`; in graphs and on disk `snakeCase` of it. */
  readonly name: string
  readonly dtype: 'float32' | 'int64'
  readonly dims: readonly InputDim[]
}

/** What an encoder takes; `imageSize` of a vision encoder's pictures. */
export function encoderInputs(encoder: EncoderSpec, imageSize: readonly [number, number] = [0, 0]): EncoderInput[] {
  if (encoder.kind === 'vision') {
    const dims = ['batch', encoder.config.numChannels, ...imageSize] as const
    return [{ name: 'pixelValues', dtype: 'float32', dims }]
  }
  const { config, tower } = encoder
  return Object.entries(tower.inputs).map(([name, input]) => ({
    name,
    dtype: input.dtype,
    dims: input.dims(config),
  }))
}

/** Outputs of an encoder that are asked for by name, in the order of their computation; lists have one for each layer. */
const OUTPUTS = ['features', 'embeds', 'poolerOutput', 'lastHiddenState', 'hiddenStates', 'attentions'] as const

/** The outputs that a request asks for as `[name, value]`: `features`, `hidden_states.0` and so on. */
export function namedOutputs<T>(output: EncoderOutput<T>, request: EncodeRequest): [string, T | undefined][] {
  // Convolutions have no attentions: there are none then, whoever asks.
  const wanted = OUTPUTS.filter((name) => request[name] && (name !== 'attentions' || output.attentions))
  return wanted.flatMap((name): [string, T | undefined][] => {
    const value = output[name]
    return Array.isArray(value)
      ? (value as T[]).map((item, i) => [`${snakeCase(name)}.${i}`, item])
      : [[snakeCase(name), value as T | undefined]]
  })
}

/** The reverse of `namedOutputs`. */
export function outputsByName<T>(named: ReadonlyMap<string, T>): Partial<EncoderOutput<T>> {
  const found = OUTPUTS.map((name): [string, T | T[] | undefined] => {
    const key = snakeCase(name)
    const list: T[] = []
    for (let i = 0; named.has(`${key}.${i}`); i++) list.push(named.get(`${key}.${i}`) as T)
    return [name, list.length > 0 ? list : named.get(key)]
  })
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Partial<EncoderOutput<T>>
}

/** Values of an encoder's pooled output. */
export const pooledSize = (encoder: EncoderSpec): number =>
  (encoder.kind === 'vision'
    ? encoder.tower.pooledSize?.(encoder.config)
    : encoder.tower.pooledSize?.(encoder.config)) ?? encoder.config.hiddenSize

/**
 * Runs tower, projection and normalisation over a backend's ops. The whole of an encoder's
 * computation: backends call this to build a graph, to run eagerly, or to trace.
 */
export function encode<T>(
  ops: Ops<T>,
  encoder: EncoderSpec,
  { inputs, imageSize = [0, 0] }: Batch<T>,
  request: EncodeRequest,
): EncoderOutput<T> {
  const names = ENCODER_NAMES[encoder.kind]
  const std = encoder.config.initializerRange
  const weights = new Scope(names.tower, std)
  const output: EncoderOutput<T> =
    encoder.kind === 'vision'
      ? encoder.tower.forward(
          ops,
          weights,
          encoder.config,
          { pixelValues: inputs.pixelValues as T, imageSize },
          request,
        )
      : encoder.tower.forward(ops, weights, encoder.config, inputs, request)
  if (request.features || request.embeds) {
    const { projection } = encoder
    const isMap = encoder.kind === 'vision' && encoder.tower.mapPooler
    const pooled = isMap ? ops.reshape(output.poolerOutput, [0, -1]) : output.poolerOutput
    output.features = projection
      ? ops.linear(
          pooled,
          new Scope(names.projection, projection.std).linear(pooledSize(encoder), projection.dim, { bias: false }),
        )
      : pooled
    if (request.embeds) output.embeds = ops.l2Normalize(output.features)
  }
  return output
}
