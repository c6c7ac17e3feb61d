import type { WeightEntry, Weights } from '../weights/entry'
import { snakeCase } from '../base/names'
import { DeferringOps } from '../ops/deferring'
import type { Ops } from '../ops/ops'
import type { InputDim } from '../towers/inputs'
import { Scope } from '../ops/scope'
import type { Taps, TextConfig, TextTowerModule, TowerOutput, VisionConfig, VisionTowerModule } from '../towers/tower'
import { type Tensor, tensor } from '../base/tensor'

/** One side of the model: a tower, its config and, in a dual encoder, the projection behind it. */
export type EncoderSpec = VisionEncoderSpec | TextEncoderSpec

interface EncoderBase {
  /** The linear layer into the shared space; none where the tower ends in it, or stands on its own. */
  readonly projection?: {
    readonly dim: number
    /** Standard deviation with which a new one is drawn. */
    readonly std: number
    readonly form: Exclude<ProjectionForm, 'none'>
  }
}

/**
 * What lies between a tower and the shared space: nothing, a matrix, a layer with a bias, two layers as open_clip puts
 * them behind transformers' towers (`mlp`) or behind timm's (`timm-mlp`, `timm-mlp-bias`).
 */
export type ProjectionForm = 'none' | 'linear' | 'linear-bias' | 'mlp' | 'timm-mlp' | 'timm-mlp-bias'

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
  /** What enters layer `at` (counted from 0; behind the last: what leaves it), `[B, L, D]`, of maps `[B, C, H, W]`. */
  readonly entering?: { readonly at: number }
}

/** A tower's outputs with the projected ones: `features` and `embeds` are vectors of the shared space, `[B, size]`. */
export interface EncoderOutput<T> extends TowerOutput<T> {
  features?: T
  embeds?: T
  entering?: T
}

/** Inputs of a run by their names; on the host, already validated and completed by core. */
export interface Batch<T = Tensor> {
  /** Those that `encoderInputs` lists. */
  readonly inputs: Readonly<Record<string, T>>
  /** Of a vision encoder: height and width of the pictures, numbers while it runs. */
  readonly imageSize?: readonly [number, number]
  /** What enters layer `at`, as `EncodeRequest` has it, where it is known: all below is left out. */
  readonly entering?: { readonly at: number; readonly hidden: T }
  /** The tower's pooled output, where it is known: only the projection is computed. */
  readonly pooled?: T
  /** The tokens of each row that are not left out, `[B, K]`: before the first layer; `entering` holds those alone. */
  readonly kept?: T
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
const OUTPUTS = [
  'entering',
  'features',
  'embeds',
  'poolerOutput',
  'lastHiddenState',
  'hiddenStates',
  'attentions',
] as const

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

function project<T>(
  ops: Ops<T>,
  w: Scope,
  x: T,
  size: number,
  { dim, form }: NonNullable<EncoderBase['projection']>,
): T {
  if (form === 'linear' || form === 'linear-bias')
    return ops.linear(x, w.linear(size, dim, { bias: form === 'linear-bias' }))
  const timm = form !== 'mlp'
  const between = timm ? 2 * dim : Math.floor((size + dim) / 2)
  const hidden = ops.linear(x, w.at(timm ? 'fc1' : '0').linear(size, between, { bias: timm }), 'gelu')
  return ops.linear(hidden, w.at(timm ? 'fc2' : '2').linear(between, dim, { bias: form === 'timm-mlp-bias' }))
}

/**
 * Runs tower, projection and normalisation over a backend's ops. The whole of an encoder's
 * computation: backends call this to build a graph, to run eagerly, or to trace.
 */
export function encode<T>(
  ops: Ops<T>,
  encoder: EncoderSpec,
  batch: Batch<T>,
  request: EncodeRequest,
): EncoderOutput<T> {
  const { entering, kept } = batch
  if (!entering && !kept && !request.entering) return encodeAll(ops, encoder, batch, request)
  // What is below a layer that is entered, and above one that is asked for, is called and not computed.
  const partly = new DeferringOps(ops, entering !== undefined)
  let noted: T | undefined
  ops.entering = (index) => {
    const [isFirst, isLast] = [index === entering?.at, index === request.entering?.at]
    const leavesOut = index === 0 && kept && !entering
    if (!isFirst && !isLast && !leavesOut) return undefined
    return (x) => {
      noted = entering && isFirst ? entering.hidden : leavesOut ? tokensOf(ops, x, kept) : x
      partly.deferring = isLast
      return noted
    }
  }
  ops.ofTokens = kept && ((table) => partly.ops.gather(table, kept, 0))
  try {
    if (!request.entering) return encodeAll(partly.ops, encoder, batch, request)
    // No layer may leave out tokens.
    encodeAll(partly.ops, encoder, batch, { ...request, lastHiddenState: true })
    return { entering: noted } as EncoderOutput<T>
  } finally {
    ops.entering = ops.ofTokens = undefined
  }
}

/** Of each row of x `[B, L, D]` the tokens that `kept` `[B, K]` names. */
function tokensOf<T>(ops: Ops<T>, x: T, kept: T): T {
  const [rows, length, size] = ops.dims(x) as [number, number, number]
  const starts = tensor(
    Int32Array.from({ length: rows }, (_, row) => row * length),
    [rows, 1],
  )
  return ops.gather(ops.reshape(x, [-1, size]), ops.add(kept, ops.constant(starts)), 0)
}

function encodeAll<T>(ops: Ops<T>, encoder: EncoderSpec, batch: Batch<T>, request: EncodeRequest): EncoderOutput<T> {
  const names = ENCODER_NAMES[encoder.kind]
  const output: EncoderOutput<T> =
    batch.pooled === undefined ? towerForward(ops, encoder, batch, request) : { poolerOutput: batch.pooled }
  if (request.features || request.embeds) {
    const { projection } = encoder
    const isMap = encoder.kind === 'vision' && encoder.tower.mapPooler
    const pooled = isMap ? ops.reshape(output.poolerOutput, [0, -1]) : output.poolerOutput
    output.features = projection
      ? project(ops, new Scope(names.projection, projection.std), pooled, pooledSize(encoder), projection)
      : pooled
    if (request.embeds) output.embeds = ops.l2Normalize(output.features)
  }
  return output
}

function towerForward<T>(
  ops: Ops<T>,
  encoder: EncoderSpec,
  { inputs, imageSize = [0, 0] }: Batch<T>,
  taps: Taps,
): TowerOutput<T> {
  const weights = new Scope(ENCODER_NAMES[encoder.kind].tower, encoder.config.initializerRange)
  if (encoder.kind === 'text') return encoder.tower.forward(ops, weights, encoder.config, inputs, taps)
  const pictures = { pixelValues: inputs.pixelValues as T, imageSize }
  return encoder.tower.forward(ops, weights, encoder.config, pictures, taps)
}
